// What a write of a resource means, apart from its kind.

#include "api/http/resource.hpp"

#include "controller/base/planted.hpp"

namespace berth::resource {

namespace {

/// A member of metadata that may be given but must be what the path says.
void check_same(
    const json::object& metadata, const char* name, const std::string& expected, Problems& problems)
{
    const auto* given = metadata.if_contains(name);
    if (!given || (given->is_string() && std::string_view(given->get_string()) == expected)) return;
    if (given->is_string() && given->get_string().empty()) return;
    problems.push_back({std::string("/metadata/") + name, "differs from the path: expected " + expected});
}

} // namespace

json::value prepare_body(const json::value& body, const Key& key)
{
    if (!body.is_object()) throw Error{Problems{{"", "expected an object"}}};
    auto object = body.get_object();
    Problems problems;
    for (const char* name : {"metadata", "spec"})
        if (!object.contains(name)) problems.push_back({std::string("/") + name, "is required"});
    object.erase("status");
    if (auto* found = object.if_contains("metadata"); found && found->is_object()) {
        auto& metadata = found->get_object();
        check_same(metadata, "org", key.org, problems);
        check_same(metadata, "name", key.name, problems);
        for (const char* name : kNotTheClients) metadata.erase(name);
    }
    if (!problems.empty()) throw Error{std::move(problems)};
    return object;
}

void check_org(const std::string& org, const std::vector<std::string>& known)
{
    if (!is_dns_label(org)) throw Error{Problems{{"org", "expected a DNS label"}}};
    if (!known.empty() && std::find(known.begin(), known.end(), org) == known.end())
        throw Error{Errc::NotFound, "there is no org named " + org};
}

void check_patch(const json::value& patch, const Key& key)
{
    if (!patch.is_object()) throw Error{Problems{{"", "expected an object"}}};
    Problems problems;
    for (const auto& item : patch.get_object()) {
        const std::string_view name = item.key();
        if (name == "apiVersion" || name == "kind") continue;
        if (name == "status") {
            problems.push_back({"/status", "is written by controllers only"});
        } else if (name != "metadata" && name != "spec") {
            problems.push_back({pointer("", name), "is not a known member"});
        } else if (!item.value().is_object()) {
            problems.push_back({pointer("", name), "expected an object"});
        }
    }
    if (const auto* found = patch.get_object().if_contains("metadata"); found && found->is_object()) {
        const auto& metadata = found->get_object();
        check_same(metadata, "org", key.org, problems);
        check_same(metadata, "name", key.name, problems);
        for (const auto& item : metadata) {
            const std::string_view name = item.key();
            if (name == "org" || name == "name" || name == "resourceVersion") continue;
            if (name != "labels" && name != "annotations")
                problems.push_back(
                    {pointer("/metadata", name), "can't be patched: only labels and annotations can"});
        }
    }
    if (!problems.empty()) throw Error{std::move(problems)};
}

void check_revision(const std::string& wanted, const std::string& stored, const Key& key)
{
    if (wanted.empty() || wanted == stored || planted("api.if-match-ignored")) return;
    if (stored.empty()) throw Error{Errc::Conflict, to_string(key) + " does not exist"};
    throw Error{Errc::Conflict, to_string(key) + " has changed: its resourceVersion is " + stored};
}

void merge(json::value& target, const json::value& patch)
{
    if (!patch.is_object()) {
        target = patch;
        return;
    }
    if (!target.is_object()) target = json::object{};
    auto& into = target.get_object();
    for (const auto& item : patch.get_object()) {
        if (item.value().is_null())
            into.erase(item.key());
        else
            merge(into[item.key()], item.value());
    }
}

std::string name_in(const json::value& body)
{
    const auto* metadata = body.is_object() ? body.get_object().if_contains("metadata") : nullptr;
    const auto* name = metadata && metadata->is_object() ? metadata->get_object().if_contains("name") : nullptr;
    return name && name->is_string() ? std::string(name->get_string()) : "";
}

} // namespace berth::resource
