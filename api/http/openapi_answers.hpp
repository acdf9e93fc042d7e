#pragma once
// What routes answer, for the OpenAPI document: statuses, headers, the one shape of errors. Internal to
// api/http; pure.

#include "api/http/router.hpp"

#include <set>

namespace berth::openapi {

/// Every error status that a route can be answered with: its own and those that any request can get.
std::set<unsigned> errors_of(const Route& route);
/// 2xx and 304 of a route.
std::set<unsigned> successes_of(const Route& route);
json::object success_response(const Route& route, unsigned status, SchemaRegistry& schemas);
/// components/responses/Error<status>.
json::object error_response(unsigned status);
std::string error_name(unsigned status);
/// components/schemas/Error (W8).
json::object error_schema();
/// components/headers.
json::object common_headers();

} // namespace berth::openapi
