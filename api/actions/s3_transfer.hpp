#pragma once
// Signed S3 requests by libcurl, several at once. Blocking: for the work executor. Internal to the bucket
// check.

#include "api/types/s3_address.hpp"
#include "controller/base/endpoint_rules.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace berth::s3 {

/// Where requests go, with whose keys, and which addresses they may connect to (null: any).
struct Target {
    S3Source source;
    std::string ca_file; ///< PEM; empty: the system's
    const EndpointRules* rules = nullptr;
};

struct Request {
    const char* method = "GET"; ///< HEAD, GET, PUT, DELETE
    std::string key;            ///< empty: the bucket itself
    std::map<std::string, std::string> query = {};
    std::string body = "";
    bool if_absent = false; ///< PUT: only if there is no such object (If-None-Match: *)
};

/// What became of one request. Nothing of a reply is kept but its status and S3's word for the error.
struct Outcome {
    long status = 0;           ///< 0: no answer
    std::string code;          ///< "AccessDenied": letters and digits, at most 64
    std::string transport;     ///< why there was no answer, in libcurl's words
    bool refused = false;      ///< the address is one that may not be connected to, or can't be found out
    bool unknown_host = false; ///< the name of the server leads nowhere
    bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// Runs all at the same time and returns when each has an outcome. http and https only, no redirects, no
/// proxy. The rules are asked about the address of each connection when it is made, so a name that resolves
/// to something else each time gains nothing.
std::vector<Outcome> run(
    const Target& target, const std::vector<Request>& requests, std::chrono::milliseconds limit);

/// The <Code> of an error reply if it looks like one.
std::string error_code(std::string_view body);

} // namespace berth::s3
