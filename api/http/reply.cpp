#include "api/http/reply.hpp"

namespace berth {

Reply Reply::json_text(unsigned status, std::string body)
{
    Reply reply;
    reply.status = status;
    reply.body = std::move(body);
    return reply;
}

Reply Reply::json(unsigned status, const json::value& body)
{
    return json_text(status, json::serialize(body));
}

Reply Reply::text(unsigned status, std::string body, std::string content_type)
{
    auto reply = json_text(status, std::move(body));
    reply.content_type = std::move(content_type);
    return reply;
}

Reply Reply::empty(unsigned status)
{
    auto reply = json_text(status, "");
    reply.content_type.clear();
    return reply;
}

Reply Reply::streaming(std::string content_type, Producer producer)
{
    Reply reply;
    reply.content_type = std::move(content_type);
    reply.stream = std::move(producer);
    return reply;
}

Reply&& Reply::with(std::string name, std::string value) &&
{
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
}

namespace {

struct Mapping {
    unsigned status;
    const char* code;
};

Mapping mapping_of(Errc code) noexcept
{
    switch (code) {
    case Errc::Invalid:
        return {400, "VALIDATION_FAILED"};
    case Errc::NotFound:
        return {404, "NOT_FOUND"};
    case Errc::Exists:
    case Errc::Conflict:
        return {409, "CONFLICT"};
    case Errc::Gone:
        return {410, "EXPIRED"};
    case Errc::Denied:
        return {403, "FORBIDDEN"};
    case Errc::Quota:
        return {503, "RESOURCE_LIMIT_EXCEEDED"};
    case Errc::Unavailable:
        return {503, "UNAVAILABLE"};
    case Errc::Timeout:
        return {504, "TIMEOUT"};
    case Errc::Internal:
        return {500, "INTERNAL_ERROR"};
    }
    return {500, "INTERNAL_ERROR"};
}

constexpr auto kInternalText =
    "something went wrong on the server; its log has the details under the request id";

} // namespace

HttpError::HttpError(unsigned status, std::string wire_code, const std::string& message, HeaderList headers)
    : Error(Error(status >= 500 ? Errc::Unavailable : Errc::Invalid, message).as(std::move(wire_code))),
      status_(status),
      headers_(std::move(headers))
{}

unsigned http_status(const Error& error) noexcept
{
    if (const auto* direct = dynamic_cast<const HttpError*>(&error)) return direct->status();
    // The one refusal with a status of its own that comes from below the API: a full disk.
    if (error.wire_code() == "CAPACITY_EXCEEDED") return 507;
    return mapping_of(error.code()).status;
}

std::string wire_code(const Error& error)
{
    return error.wire_code().empty() ? mapping_of(error.code()).code : error.wire_code();
}

json::object error_body(const Error& error, Time now, std::string_view path)
{
    json::object inner{{"code", wire_code(error)},
        {"message", error.code() == Errc::Internal ? std::string_view(kInternalText)
                                                   : std::string_view(error.what())}};
    if (!error.problems().empty()) {
        json::array details;
        for (const auto& [field, problem] : error.problems())
            details.push_back(json::object{{"field", field}, {"problem", problem}});
        inner["details"] = std::move(details);
    }
    return {{"error", std::move(inner)}, {"timestamp", format_time(now)}, {"path", path}};
}

Reply error_reply(const Error& error, Time now, std::string_view path)
{
    auto reply = Reply::json(http_status(error), error_body(error, now, path));
    if (const auto* direct = dynamic_cast<const HttpError*>(&error))
        reply.headers = direct->headers();
    else if (error.code() == Errc::Quota)
        reply.headers.emplace_back("Retry-After", "30");
    else if (error.code() == Errc::Unavailable)
        reply.headers.emplace_back("Retry-After", "5");
    if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

} // namespace berth
