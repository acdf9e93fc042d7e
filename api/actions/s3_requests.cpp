#include "api/actions/s3_requests.hpp"

#include "metrics/metrics.hpp"

namespace berth {

namespace {

/// A node has its container or its files; else nothing is requested for it any more.
bool is_here(const WorkspaceReportSpec& report)
{
    return report.filesVolume || report.container.state != ContainerState::absent;
}

} // namespace

std::int64_t requests_since(std::int64_t before, std::int64_t now)
{
    now = std::max<std::int64_t>(now, 0);
    return now < before ? now : now - before;
}

S3RequestCount::S3RequestCount(Store& store, Metrics& metrics)
    : state_(std::make_shared<State>(State{metrics, {}}))
{
    const auto plural = WorkspaceReport::kind().plural;
    for (const auto& report : store.list<WorkspaceReport>()) state_->begin(report);
    store.on_commit([state = state_, plural](const Change& change) {
        if (change.entry->plural != plural) return;
        if (change.op == Op::Deleted)
            state->forget(change.entry->key);
        else
            state->take(decode_entry<WorkspaceReport>(*change.entry));
    });
}

void S3RequestCount::State::begin(const WorkspaceReport& report)
{
    counts[key_of(report)][report.spec.nodeId] = std::max<std::int64_t>(report.spec.sync.s3Requests, 0);
    if (is_here(report.spec)) metrics.workspace_s3_requests.with({report.metadata.name});
}

void S3RequestCount::State::take(const WorkspaceReport& report)
{
    auto& known = counts[key_of(report)][report.spec.nodeId];
    const auto now = std::max<std::int64_t>(report.spec.sync.s3Requests, 0);
    const auto fresh = static_cast<double>(requests_since(known, now));
    known = now;
    metrics.s3_requests->Increment(fresh);
    if (is_here(report.spec))
        metrics.workspace_s3_requests.with({report.metadata.name}).Increment(fresh);
    else
        metrics.workspace_s3_requests.remove({report.metadata.name});
}

void S3RequestCount::State::forget(const Key& key)
{
    counts.erase(key);
    metrics.workspace_s3_requests.remove({key.name});
}

} // namespace berth
