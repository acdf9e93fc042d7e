#pragma once
// Loads packet filters into a container's network namespace with the iptables programs, and reads them back.

#include "node/filter_rules.hpp"

#include <string>

namespace berth {

/// Blocking (some milliseconds a call); one thread at a time. A thread of its own enters the namespace and
/// ends there, as in netns.hpp. Only the filter table is ever touched.
class Firewall {
public:
    /// Replaces the filter of the namespace behind `netns` at once, for both families. Returns what
    /// fingerprint() gives while nobody changes it. Throws Error: Unavailable when no iptables program works
    /// here (each one's words are in the text), NotFound when the namespace is gone.
    std::string load(const std::string& netns, const FilterText& text);
    /// The filter as it is now, in the words of iptables-save. Throws like load.
    std::string fingerprint(const std::string& netns);

    /// "nft" or "legacy", once one has worked.
    const std::string& backend() const noexcept { return backend_; }

private:
    std::string backend_;
    FilterText last_;        ///< what was loaded last…
    std::string last_saved_; ///< …and how it reads; the same in every namespace
};

} // namespace berth
