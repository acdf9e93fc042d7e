#pragma once
// WarmPool: so many workspaces of one template that run already and belong to nobody, so that a start is a
// claim. Spec by the API (and by berthd itself for the pool `default`), status by WarmPoolReconciler. A slot
// is a Workspace that names its pool in spec.pool; docs/POOL.md tells its life.

#include "api/types/workspace_template.hpp"

namespace berth {

enum class Weekday { sunday, monday, tuesday, wednesday, thursday, friday, saturday };
BOOST_DESCRIBE_ENUM(Weekday, sunday, monday, tuesday, wednesday, thursday, friday, saturday)

/// "09:30".
bool is_clock_time(std::string_view text);
inline constexpr TextFormat kClockTime{"^([01][0-9]|2[0-3]):[0-5][0-9]$", &is_clock_time, "expected HH:MM"};
inline constexpr std::int64_t kMostSlots = 1000;

/// Another size for some hours of the week, in UTC.
struct PoolHours {
    std::vector<Weekday> days; ///< on which it begins; empty: every day
    std::string from;          ///< "HH:MM"
    std::string to;            ///< "HH:MM", exclusive; not after `from`: on the next day
    std::int64_t size = 0;
    bool operator==(const PoolHours&) const = default;
    static constexpr std::array required{"from", "to", "size"};
    static constexpr std::array rules{Rule::entries("days", 7), Rule::text("from", kClockTime),
        Rule::text("to", kClockTime), Rule::range("size", 0, kMostSlots)};
    static constexpr std::array docs{std::pair{"days", "on which it begins; empty: every day"},
        std::pair{"from", "HH:MM in UTC"}, std::pair{"to", "HH:MM in UTC; not after from: on the next day"}};
};
BOOST_DESCRIBE_STRUCT(PoolHours, (), (days, from, to, size))

struct WarmPoolSpec {
    static constexpr KindInfo kind{"WarmPool", "warmpools"};
    std::string template_; ///< a WorkspaceTemplate; empty = the install's defaults
    std::int64_t size = 0;
    std::int64_t maximum = 0;        ///< never more slots than this at the same time; 0 = no such bound
    std::vector<PoolHours> schedule; ///< the first that holds replaces `size`
    bool operator==(const WarmPoolSpec&) const = default;
    static constexpr std::array required{"size"};
    static constexpr std::array rules{Rule::range("size", 0, kMostSlots),
        Rule::range("maximum", 0, kMostSlots), Rule::entries("schedule", 64)};
    static constexpr std::array docs{
        std::pair{"template", "name of a WorkspaceTemplate; empty: the install's image and limits"},
        std::pair{"size", "slots that are kept ready"},
        std::pair{"maximum", "never more slots than this at the same time; 0: no such bound"},
        std::pair{"schedule", "the first entry that holds replaces size"}};
};
BOOST_DESCRIBE_STRUCT(WarmPoolSpec, (), (template_, size, maximum, schedule))
void validate(const WarmPoolSpec& spec, const std::string& path, Problems& problems);

struct WarmPoolStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions;   ///< Ready, Degraded
    std::int64_t wanted = 0; ///< by size, schedule and maximum, now
    std::int64_t ready = 0;  ///< can be claimed now
    std::int64_t starting = 0;
    std::int64_t stale = 0;   ///< made from an older image, limits or environment; not claimed, replaced
    std::int64_t claimed = 0; ///< since the pool was made
    std::optional<Time> lastClaimAt;
    std::vector<std::string> slots; ///< ids of the unclaimed ones
    std::int64_t failures = 0;      ///< failed attempts in a row; above 0 slots are made one at a time
    std::optional<Time> retryAt;    ///< no slot is made before
    std::optional<Time> lastFailureAt;
    std::optional<Time> lastYieldAt; ///< slots were given up for memory
    bool operator==(const WarmPoolStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(WarmPoolStatus, (),
    (observedGeneration, conditions, wanted, ready, starting, stale, claimed, lastClaimAt, slots, failures, retryAt,
        lastFailureAt, lastYieldAt))

using WarmPool = Object<WarmPoolSpec, WarmPoolStatus>;

/// How many slots the pool shall have at this time. Pure.
std::int64_t pool_size_at(const WarmPoolSpec& spec, Time now);

/// The pool that PRE_WARMED_QUEUE_SIZE is about.
inline constexpr std::string_view kDefaultPool = "default";

/// On an unclaimed slot: the pool's name, and what it was made from. The claim takes both off.
inline constexpr std::string_view kPoolLabel = "dev.berth.pool";
inline constexpr std::string_view kSlotHashLabel = "dev.berth.slot-hash";
/// On a workspace that was a slot: the pool it came from.
inline constexpr std::string_view kClaimedFromLabel = "dev.berth.claimed-from";
/// Annotation, when that was: a user's workspace is as old as the claim.
inline constexpr std::string_view kClaimedAtAnnotation = "berth.dev/claimed-at";

/// Nobody's workspace yet.
inline bool is_slot(const Workspace& workspace) { return !workspace.spec.pool.empty(); }

/// Names what a slot runs: another template, image, limit or environment gives another one. Pure.
std::string slot_hash(const std::string& template_name, const WorkspaceTemplateSpec& flavor);

} // namespace berth
