#include "storage/audit.hpp"

namespace berth::detail {

namespace {

struct StoredAudit {
    Time at{};
    std::string who;
    std::string verb;
    std::string kind;
    std::string org;
    std::string name;
    std::string detail;
};
BOOST_DESCRIBE_STRUCT(StoredAudit, (), (at, who, verb, kind, org, name, detail))

} // namespace

std::string audit_text(const AuditEntry& entry, Time at)
{
    const StoredAudit stored{
        at, entry.who, entry.verb, entry.kind, entry.key.org, entry.key.name, entry.detail};
    return json::serialize(encode(stored));
}

AuditRecord parse_audit(std::uint64_t sequence, std::string_view text)
{
    auto stored = decode<StoredAudit>(json::parse(text), Unknown::Ignore);
    return {sequence, stored.at,
        {std::move(stored.who), std::move(stored.verb), std::move(stored.kind),
            {std::move(stored.org), std::move(stored.name)}, std::move(stored.detail)}};
}

} // namespace berth::detail
