#pragma once
// What the engine's refusals mean. Pure; any thread.

#include "controller/base/error.hpp"
#include "controller/base/http_message.hpp"

#include <string>

namespace berth::docker {

/// `what` names the call ("service_create ws-abc"). `creates`: a 409 means that the name is in use.
Error refusal(const std::string& what, const HttpResponse& response, bool creates);

} // namespace berth::docker
