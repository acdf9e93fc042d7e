#include "tests/sim/views.hpp"

namespace berth::sim {

namespace {

constexpr std::size_t kRemembered = 50;

} // namespace

bool Views::is_list(const HttpRequest& request)
{
    const auto path = request.target.substr(0, request.target.find('?'));
    return request.method == "GET" &&
           (path.ends_with("/services") || path.ends_with("/tasks") || path.ends_with("/containers/json"));
}

bool Views::remember(const std::string& call, Tick now, const std::string& body)
{
    auto& views = past_[call];
    if (!views.empty() && views.back().body == body) return false;
    views.push_back({now, body});
    if (views.size() > kRemembered) views.pop_front();
    return true;
}

std::optional<std::string> Views::older(const std::string& call, Tick now, Duration ago) const
{
    const auto found = past_.find(call);
    if (found == past_.end()) return std::nullopt;
    const auto& views = found->second;
    const View* then = nullptr; // what was seen last before that moment
    for (const auto& view : views)
        if (view.at <= now - ago) then = &view;
    if (!then || then == &views.back()) return std::nullopt;
    return then->body;
}

} // namespace berth::sim
