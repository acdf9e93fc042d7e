#include "docker/errors.hpp"

#include "controller/base/json.hpp"

namespace berth::docker {

namespace {

/// {"message": "…"}; anything else is cut to a readable length.
std::string message_of(const std::string& body)
{
    try {
        const auto document = parse_json(body);
        if (const auto* object = document.if_object())
            if (const auto* message = object->if_contains("message"); message && message->is_string())
                return std::string(std::string_view(message->get_string()));
    } catch (const Error&) {
        // Not JSON: a proxy in between, or a broken reply. It is shown as it is.
    }
    auto text = body.substr(0, 200);
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

bool says(const std::string& message, std::string_view words) { return message.find(words) != std::string::npos; }

Errc code_of(unsigned status, const std::string& message, bool creates)
{
    // The Swarm's own errors arrive as 500 with a text.
    if (says(message, "update out of sequence")) return Errc::Conflict;
    if (status == 500 && (says(message, "DeadlineExceeded") || says(message, "context deadline exceeded")))
        return Errc::Timeout;
    if (status == 500 && says(message, "does not have a leader")) return Errc::Unavailable;
    switch (status) {
    case 400: return Errc::Invalid;
    case 401:
    case 403: return Errc::Denied;
    case 404: return Errc::NotFound;
    case 409: return creates ? Errc::Exists : Errc::Conflict;
    case 502:
    case 503: return Errc::Unavailable;
    case 504: return Errc::Timeout;
    default: return Errc::Internal;
    }
}

} // namespace

Error refusal(const std::string& what, const HttpResponse& response, bool creates)
{
    const auto message = message_of(response.body);
    return Error{code_of(response.status, message, creates),
        "docker " + what + ": " + std::to_string(response.status) + " " + message};
}

} // namespace berth::docker
