#include "controller/runtime/sources.hpp"

#include "api/types/workspace.hpp"

namespace berth::detail {

Meta metadata_of(const Entry& entry)
{
    Meta meta;
    Problems ignored; // what is stored was accepted once; a stricter rule of today must not stop wake-ups
    const auto object = json::parse(entry.text);
    decode_into(object.at("metadata"), meta, Unknown::Ignore, "/metadata", ignored);
    return meta;
}

std::vector<Key> owners_of(const Entry& entry, std::string_view kind)
{
    std::vector<Key> keys;
    for (const auto& owner : metadata_of(entry).ownerReferences)
        if (owner.kind == kind) keys.push_back({entry.key.org, owner.name});
    return keys;
}

std::vector<Key> labelled_key(const docker::ObservedChange& change, std::string_view kind)
{
    auto value = [&](std::string_view label) {
        const auto found = change.labels.find(std::string(label));
        return found == change.labels.end() ? std::string{} : found->second;
    };
    Key key{value(kOrgLabel), value(kNameLabel)};
    if (value(kKindLabel) != kind || key.org.empty() || key.name.empty()) return {};
    return {std::move(key)};
}

} // namespace berth::detail
