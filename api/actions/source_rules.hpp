#pragma once
// Where the files of a workspace may live, and with whose keys. Pure; any thread.

#include "api/actions/settings.hpp"
#include "api/types/workspace.hpp"

namespace berth {

/// Adds what is wrong, by the names of the spec below `path`. Writes an endpoint that is the install's own as an empty
/// one, and drops a secret whose key is gone. Rules: the install's keys (none given) go to the install's endpoint
/// only; an endpoint of one's own needs keys of one's own and must not be inside our networks.
/// `before` is what is stored, null for a new workspace.
void check_source(S3Source& source, const S3Source* before, const S3Defaults& defaults, const std::string& path,
    Problems& problems);

/// The source with the install's endpoint and keys where it names none: what the agent will use.
S3Source complete_source(S3Source source, const S3Defaults& defaults);

/// The host of "http://host:port", without brackets and port.
std::string host_of(const std::string& endpoint);

} // namespace berth
