#pragma once
// Where things are in S3: addresses and their encoding, the same for everybody who signs requests. Pure; any
// thread.

#include "api/types/workspace.hpp"

namespace berth::s3 {

/// Percent-encodes for SigV4: all but A-Z a-z 0-9 - _ . ~ (and '/' when `keep_slashes`).
std::string encode(std::string_view text, bool keep_slashes);
/// Names and values sorted and encoded, "location=" for an empty value: what the signature is made over.
std::string canonical_query(const std::map<std::string, std::string>& query);
/// "https://s3.eu-central-1.amazonaws.com" when the source names no endpoint; without a slash at the end.
std::string endpoint_of(const S3Source& source);
/// Path style: <endpoint>/<bucket>[/<key>][?query].
std::string url_of(
    const S3Source& source, std::string_view key, const std::map<std::string, std::string>& query);

} // namespace berth::s3
