#pragma once
// Entity tags of objects: the revision in quotes, weak when the reply was compressed. Pure. Internal to
// api/http.

#include <string>
#include <string_view>

namespace berth::resource {

/// The revision in If-Match: `"12"`, `W/"12"`; empty for none and for `*`. Throws Error{Invalid} for anything
/// else.
std::string revision_in(std::string_view header);
/// Whether one of the tags in If-None-Match is ours.
bool has_tag(std::string_view header, const std::string& tag);

} // namespace berth::resource
