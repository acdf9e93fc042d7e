#include "controller/base/error.hpp"

namespace berth {

namespace {
std::string join(const Problems& problems)
{
    std::string text;
    for (const auto& [field, problem] : problems) {
        if (!text.empty()) text += "; ";
        text += field.empty() ? problem : field + ": " + problem;
    }
    return text;
}
} // namespace

Error::Error(Problems problems)
    : std::runtime_error(join(problems)), code_(Errc::Invalid), problems_(std::move(problems))
{
}

bool Error::transient() const noexcept
{
    return code_ == Errc::Conflict || code_ == Errc::Gone || code_ == Errc::Unavailable ||
           code_ == Errc::Timeout || code_ == Errc::Internal;
}

Error Error::as(std::string wire_code) const
{
    auto copy = *this;
    copy.wire_code_ = std::move(wire_code);
    return copy;
}

const char* to_string(Errc code) noexcept
{
    switch (code) {
    case Errc::Invalid: return "invalid";
    case Errc::NotFound: return "not_found";
    case Errc::Exists: return "exists";
    case Errc::Conflict: return "conflict";
    case Errc::Gone: return "gone";
    case Errc::Denied: return "denied";
    case Errc::Quota: return "quota";
    case Errc::Unavailable: return "unavailable";
    case Errc::Timeout: return "timeout";
    case Errc::Internal: return "internal";
    }
    return "internal";
}

} // namespace berth
