#pragma once
// An entry made from the JSON of an object of any kind. Internal to storage.

#include "storage/entry.hpp"

namespace berth::detail {

/// `text` is the serialized `object`. Throws Error{Internal} when it has no metadata.
EntryPtr make_entry(std::string_view plural, const json::object& object, std::string text);
/// Parses `text` first.
EntryPtr make_entry(std::string_view plural, std::string text);

} // namespace berth::detail
