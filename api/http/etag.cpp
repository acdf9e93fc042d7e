#include "api/http/etag.hpp"

#include "controller/base/error.hpp"

namespace berth::resource {

std::string revision_in(std::string_view header)
{
    if (header.empty() || header == "*") return {};
    if (header.starts_with("W/")) header.remove_prefix(2);
    const bool quoted = header.size() > 2 && header.front() == '"' && header.back() == '"';
    if (!quoted || header.substr(1, header.size() - 2).find('"') != std::string_view::npos)
        throw Error{Problems{{"If-Match", "expected one ETag as this server gives them"}}};
    return std::string(header.substr(1, header.size() - 2));
}

bool has_tag(std::string_view header, const std::string& tag)
{
    if (header == "*") return true;
    for (auto at = header.find(tag); at != std::string_view::npos; at = header.find(tag, at + 1)) return true;
    return false;
}

} // namespace berth::resource
