#pragma once
// What the files of FakeEngine share.

#include "tests/fakes/fake_engine.hpp"

#include <boost/asio/steady_timer.hpp>

namespace berth {

/// A refusal of the engine: a status and a message.
struct FakeEngine::Refusal {
    unsigned status;
    std::string message;
};

using FakeFilters = std::map<std::string, std::vector<std::string>>;

struct FakeEngine::Arguments {
    std::string method;
    std::vector<std::string> path; ///< the segments that the route leaves open
    std::map<std::string, std::string> query;
    FakeFilters filters;
    std::string body;

    std::string get(const std::string& name) const
    {
        const auto found = query.find(name);
        return found == query.end() ? "" : found->second;
    }
    bool flag(const std::string& name) const { return get(name) == "1" || get(name) == "true"; }
    /// Refuses members that the engine does not have: a misspelt one would be ignored in silence by the real one.
    template <class T>
    T decoded() const
    {
        try {
            return decode<T>(parse_json(body), Unknown::Reject);
        } catch (const Error& error) {
            throw Refusal{400, std::string("invalid JSON: ") + error.what()};
        }
    }
};

struct FakeEngine::Route {
    std::string method;
    std::string pattern; ///< "/services/*/update"
    Handler handler;
    unsigned success;
};

/// An open event stream or a log.
class FakeEngine::Stream final : public BodyStream {
public:
    Stream(FakeEngine* engine, Executor executor, Clock& clock);
    ~Stream() override;

    unsigned status() const override { return status_; }
    const Headers& headers() const override { return headers_; }

    void deliver(std::string text);
    void finish();
    void cut();
    bool wants(const docker::Event& event) const;

    FakeFilters filters;
    std::optional<Duration> idle;
    unsigned status_ = 200;

protected:
    awaitable<std::optional<std::string>> receive() override;

private:
    friend class FakeEngine;
    awaitable<> more();

    FakeEngine* engine_; // null once the engine is gone, and for streams that it does not feed
    Clock& clock_;
    Signal arrived_;
    std::string waiting_;
    Headers headers_;
    bool finished_ = false, cut_ = false;
};

/// Whether labels have all that the filter asks for: "key" or "key=value".
bool has_labels(const docker::StringMap& labels, const FakeFilters& filters);
/// Whether one of the values of the filter `name` satisfies `matches`; true when there is no such filter.
template <class F>
bool passes(const FakeFilters& filters, const std::string& name, F matches)
{
    const auto wanted = filters.find(name);
    if (wanted == filters.end()) return true;
    for (const auto& value : wanted->second)
        if (matches(value)) return true;
    return false;
}
FakeFilters parse_filters(const std::string& text);
bool event_matches(const docker::Event& event, const FakeFilters& filters);
std::string event_line(const docker::Event& event);

} // namespace berth
