#pragma once
// The stored form of audit entries, and how long idempotency records live. Internal to storage.

#include "storage/store.hpp"

namespace berth::detail {

inline constexpr std::chrono::hours kIdempotencyLife{24};

std::string audit_text(const AuditEntry& entry, Time at);
AuditRecord parse_audit(std::uint64_t sequence, std::string_view text);

} // namespace berth::detail
