#pragma once
// What the generic resources say of their five methods. Internal to api/http; pure.

#include "api/http/resource.hpp"

namespace berth::resource {

/// "/api/v1/orgs/{org}/workspaces" or, for one object, that with "/{name}".
std::string path_of(const KindInfo& kind, bool one);

class Docs {
public:
    Docs(const ResourceKind& kind, const ResourceOptions& options) : kind_(kind), options_(options) {}
    Doc list() const;
    Doc get() const;
    Doc post() const;
    Doc put() const;
    Doc patch() const;
    Doc remove() const;

private:
    Doc start(const char* verb, const std::string& summary, const Roles& roles) const;
    std::vector<unsigned> refusals() const;
    std::string name() const { return std::string(kind_.info().kind); }

    const ResourceKind& kind_;
    const ResourceOptions& options_;
};

} // namespace berth::resource
