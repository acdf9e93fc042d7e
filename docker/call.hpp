#pragma once
// The parts that the files of docker::Client share. Private to docker/.

#include "docker/client.hpp"

namespace berth::docker {

/// One request to the engine, before the API version is put in front of its path.
struct Client::Call {
    std::string_view name; ///< for metrics and messages
    std::string method;
    std::string path; ///< with query, without version
    std::string body = {};
    std::optional<Duration> deadline = {};
    std::optional<Duration> idle = {}; ///< streams
    bool creates = false;              ///< 409 means that the name is in use
    std::string content_type = "application/json";
    Headers headers = {};
};

/// "?a=b&filters=…", values encoded; pairs with an empty value are left out.
std::string query(const std::vector<std::pair<std::string, std::string>>& values);
/// The JSON text of the engine's `filters` parameter; empty for none.
std::string filters_text(const Filters& filters);
/// Parses a reply; Error{Internal} when it is not what was agreed.
json::value parse_reply(std::string_view call, const std::string& body);
template <class T>
T decode_reply(std::string_view call, const json::value& value)
{
    try {
        return decode<T>(value, Unknown::Ignore);
    } catch (const Error& error) {
        throw Error{Errc::Internal, "docker " + std::string(call) + ": unexpected reply: " + error.what()};
    }
}

template <class T>
std::string request_body(const T& request)
{
    return json::serialize(encode_request(request));
}

template <class T>
awaitable<std::vector<T>> Client::list(Call call)
{
    const auto name = call.name;
    co_return decode_reply<std::vector<T>>(name, co_await get(std::move(call)));
}

template <class T>
awaitable<std::optional<T>> Client::find_as(Call call)
{
    const auto name = call.name;
    const auto found = co_await find(std::move(call));
    if (!found) co_return std::nullopt;
    co_return decode_reply<T>(name, *found);
}

} // namespace berth::docker
