#include "api/actions/admission.hpp"

#include "api/actions/source_rules.hpp"
#include "api/http/rate_limit.hpp"
#include "api/types/api_key.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"
#include "controller/base/random.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::size_t kVncPasswordLength = 8; // the protocol looks at no more
constexpr std::size_t kCallbackTokenLength = 40;
constexpr Duration kStoppingSoon = std::chrono::seconds{5};
constexpr Duration kLongestWait = std::chrono::minutes{10};
constexpr Duration kUnknownWait = std::chrono::minutes{1}; // nobody knows: often enough to ask

bool wants_running(const Workspace& workspace)
{
    return workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
}

/// Has, or is about to have, something on a node. Most of what rests is not even decoded.
std::optional<Workspace> live(const EntryPtr& entry)
{
    const bool rests = entry->phase == "stopped" || entry->phase == "archived" || entry->phase == "pending";
    if (rests && entry->text.find(R"("desiredState":"running")") == std::string::npos) return std::nullopt;
    auto workspace = decode_entry<Workspace>(*entry);
    if (rests && !wants_running(workspace)) return std::nullopt;
    return workspace;
}

/// When it will be over if nobody does anything; nothing when that is not known.
std::optional<Duration> ends_in(const Workspace& workspace, Time now)
{
    if (!wants_running(workspace)) return kStoppingSoon;
    const auto& activity = workspace.status.activity;
    if (!activity || !activity->stopsAt) return std::nullopt;
    return std::clamp<Duration>(*activity->stopsAt - now, kStoppingSoon, kLongestWait);
}

/// Labels that Berth sets itself: a user's write keeps them, whether it repeats them or not, and can't set
/// others.
void keep_reserved_labels(const Workspace* before, Workspace& after, Problems& problems)
{
    static const Labels kNone;
    const auto& old = before ? before->metadata.labels : kNone;
    for (const auto& [name, value] : after.metadata.labels) {
        const auto kept = old.find(name);
        if (name.starts_with(kReservedLabels) && (kept == old.end() || kept->second != value))
            problems.push_back({pointer("/metadata/labels", name), "is set by Berth"});
    }
    for (const auto& [name, value] : old)
        if (name.starts_with(kReservedLabels)) after.metadata.labels[name] = value;
}

/// What only Berth itself, or an admin who repairs something, writes.
void check_reserved(const Workspace* before, Workspace& after, Problems& problems)
{
    static const Workspace kFresh;
    const auto& old = before ? *before : kFresh;
    const auto refuse = [&](const char* field, bool changed) {
        if (changed) problems.push_back({field, "is set by Berth"});
    };
    refuse("/spec/pool", after.spec.pool != old.spec.pool);
    refuse("/spec/claim", after.spec.claim != old.spec.claim);
    refuse("/spec/callbackToken", !(after.spec.callbackToken == old.spec.callbackToken));
    if (before && after.metadata.ownerReferences.empty())
        after.metadata.ownerReferences = old.metadata.ownerReferences;
    refuse("/metadata/ownerReferences", !(after.metadata.ownerReferences == old.metadata.ownerReferences));
    keep_reserved_labels(before, after, problems);
}

bool same_place(const S3Source& left, const S3Source& right)
{
    return left.bucket == right.bucket && left.prefix == right.prefix && left.endpoint == right.endpoint;
}

/// Files that are still on a node belong to the place they came from.
void check_place(Txn& txn, const Workspace& before, const Workspace& after)
{
    if (same_place(before.spec.s3, after.spec.s3) || !before.spec.pool.empty()) return;
    const auto phase = before.status.phase;
    const bool rests = phase == Phase::stopped || phase == Phase::archived ||
                       (phase == Phase::pending && before.status.incarnation == 0);
    const auto report = txn.get<WorkspaceReport>(key_of(before));
    const bool files = !before.status.nodeId.empty() || (report && report->spec.filesVolume);
    if (rests && !wants_running(before) && !files) return;
    throw Error{Errc::Conflict, "bucket, prefix and endpoint can be changed only while the workspace is "
                                "stopped and its files are in S3"};
}

/// The same words as the verbs use.
void follow_desired_state(const Workspace* before, WorkspaceSpec& spec)
{
    const bool was_running = !before || before->spec.desiredState == DesiredState::running;
    if (spec.desiredState == DesiredState::stopped && was_running && spec.stopReason.empty())
        spec.stopReason = "manual";
    if (spec.desiredState == DesiredState::running && !was_running) {
        spec.stopReason.clear();
        spec.forceStop = false;
    }
}

} // namespace

std::string owner_label(const std::string& key_name)
{
    return is_dns_label(key_name) ? key_name : "sha256-" + sha256_hex(key_name).substr(0, 32);
}

MadeUp make_up(WorkspaceSpec& spec)
{
    MadeUp made;
    if (spec.vncPassword.empty()) {
        made.vnc_password = random_text(kVncPasswordLength);
        spec.vncPassword = Secret{*made.vnc_password};
    }
    if (spec.callbackToken.empty()) spec.callbackToken = Secret{random_text(kCallbackTokenLength)};
    return made;
}

bool asks_for_container(const Workspace* before, const Workspace& after)
{
    if (!wants_running(after)) return false;
    if (!before || !wants_running(*before)) return true;
    const bool failed = before->status.phase == Phase::failed;
    return failed && before->spec.restarts != after.spec.restarts;
}

WorkspaceAdmission::WorkspaceAdmission(
    Store& store, BucketCheck& buckets, Capacity& capacity, AdmissionSettings settings)
    : store_(store),
      buckets_(buckets),
      capacity_(capacity),
      settings_(std::move(settings))
{}

void WorkspaceAdmission::admit(
    Txn& txn, const Principal& who, const Workspace* before, Workspace& after) const
{
    Problems problems;
    if (who.role != Role::admin) check_reserved(before, after, problems);
    auto& labels = after.metadata.labels;
    if (!before && !labels.contains(std::string(kOwnerLabel)) && after.spec.pool.empty())
        labels[std::string(kOwnerLabel)] = owner_label(who.name);
    const auto& wanted = after.spec.template_;
    const bool other_template = !before || before->spec.template_ != wanted;
    if (other_template && !wanted.empty() &&
        !txn.find(WorkspaceTemplate::kind().plural, {after.metadata.org, wanted}))
        problems.push_back({"/spec/template", "there is no template of this name"});
    check_source(after.spec.s3, before ? &before->spec.s3 : nullptr, settings_.s3, "/spec/s3", problems);
    if (!problems.empty()) throw Error{std::move(problems)};

    if (before) check_place(txn, *before, after);
    follow_desired_state(before, after.spec);
    make_up(after.spec);
    const bool starts = asks_for_container(before, after) && !(before && wants_running(*before));
    if (starts) check_count(txn, who, before);
}

awaitable<> WorkspaceAdmission::review(std::optional<Workspace> before, Workspace after)
{
    const bool starts = asks_for_container(before ? &*before : nullptr, after);
    const bool other_source = !before || !(before->spec.s3 == after.spec.s3);
    if (starts) capacity_.require(after.metadata.org, after.spec.template_);
    const bool runs = wants_running(after) && !after.spec.s3.bucket.empty();
    if (runs && (starts || other_source)) co_await check_bucket(after.spec.s3);
}

void WorkspaceAdmission::check_template(const std::string& org, const std::string& name) const
{
    if (!name.empty() && !store_.find(WorkspaceTemplate::kind().plural, {org, name}))
        throw Error{Problems{{"/template", "there is no template of this name"}}};
}

awaitable<> WorkspaceAdmission::check_bucket(S3Source source)
{
    co_await buckets_.check(complete_source(std::move(source), settings_.s3));
}

void WorkspaceAdmission::check_count(Txn& txn, const Principal& who, const Workspace* before) const
{
    static const Labels kNone;
    const auto& labels = before ? before->metadata.labels : kNone;
    const auto label = labels.find(std::string(kOwnerLabel));
    const auto caller = owner_label(who.name);
    const auto owner = label == labels.end() ? caller : label->second;
    const auto limit = owner == caller && who.max_containers > 0 ? who.max_containers : limit_of(txn, owner);
    if (limit <= 0) return;
    std::int64_t count = 0;
    std::optional<Duration> soonest;
    for (const auto& entry :
        txn.entries(Workspace::kind().plural, Selector::label(std::string(kOwnerLabel), owner))) {
        const auto workspace = live(entry);
        if (!workspace || (before && workspace->metadata.uid == before->metadata.uid)) continue;
        ++count;
        const auto ends = ends_in(*workspace, txn.now());
        if (ends && (!soonest || *ends < *soonest)) soonest = ends;
    }
    if (count < limit) return;
    const auto whose = owner == caller ? "this key" : "the key that made it";
    throw HttpError{503, "RESOURCE_LIMIT_EXCEEDED",
        std::string(whose) + " may have " + std::to_string(limit) +
            (limit == 1 ? " container" : " containers") + " at the same time",
        {{"Retry-After", retry_seconds(soonest.value_or(kUnknownWait))}}};
}

std::int64_t WorkspaceAdmission::limit_of(Txn& txn, const std::string& owner) const
{
    if (const auto found = settings_.key_limits.find(owner); found != settings_.key_limits.end())
        return found->second;
    for (const auto& key : txn.list<ApiKey>())
        if (owner_label(key.metadata.name) == owner) return key.spec.maxContainers;
    return 0;
}

} // namespace berth
