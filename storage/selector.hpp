#pragma once
// Which objects a list is about.

#include "storage/entry.hpp"

namespace berth {

/// One rule about one label, as in Kubernetes.
struct Requirement {
    enum class Op { In, NotIn, Exists, NotExists };
    std::string label;
    Op op = Op::Exists;
    std::vector<std::string> values; ///< for In and NotIn
    bool matches(const Labels& labels) const;
    bool operator==(const Requirement&) const = default;
};

/// All rules must hold; an empty one takes everything. Pure; any thread.
struct Selector {
    std::string org; ///< empty = all
    std::vector<Requirement> labels;
    std::string phase; ///< empty = any
    std::string owner; ///< uid of an owner; empty = any

    /// Kubernetes' syntax: "a=b,c!=d,e in (x,y),f notin (z),g,!h". NotIn holds for what lacks the label.
    /// Throws Error{Invalid}.
    static Selector parse(std::string_view labels);
    static Selector in_org(std::string org);
    static Selector label(std::string name, std::string value);
    static Selector owned_by(std::string uid);

    bool matches(const Entry& entry) const;
};

} // namespace berth
