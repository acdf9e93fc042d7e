#pragma once
// AWS signature version 4, as S3 wants it. Pure; any thread. Ours because libcurl's (7.88) sorts some headers
// wrongly.

#include "controller/base/error.hpp"
#include "controller/base/time.hpp"

#include <map>
#include <string>
#include <string_view>

namespace berth {

struct S3Keys {
    std::string access;
    std::string secret;
    std::string region;
};

/// What is signed. `url` is encoded already (s3::url_of). Header names are in lower case.
struct S3Signable {
    std::string method;
    std::string url;
    std::map<std::string, std::string> headers;
    std::string body_sha256; ///< lower-case hexadecimal
};

/// The headers to send: those given, x-amz-date, x-amz-content-sha256 and authorization (host is left to the
/// transport).
std::map<std::string, std::string> sign_s3(const S3Signable& request, const S3Keys& keys, Time now);

} // namespace berth
