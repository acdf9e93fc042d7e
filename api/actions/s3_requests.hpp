#pragma once
// How many S3 requests the agents make, as metrics (berth_s3_requests_total,
// berth_workspace_s3_requests_total).

#include "api/types/workspace_report.hpp"
#include "storage/store.hpp"

#include <map>
#include <memory>

namespace berth {

struct Metrics;

/// The requests since the count was `before`, when it is `now`. An agent counts from its own start: a count
/// that has fallen is that of a new one, and all of it is new. Pure.
std::int64_t requests_since(std::int64_t before, std::int64_t now);

/// Follows the reports in the store. What they say at the start was counted by an earlier berthd; from then
/// on the counters rise with them and never fall. The series of a workspace is there as long as a node has
/// something of it. Owned by Berthd; I/O thread. The metrics outlive the store.
class S3RequestCount {
public:
    S3RequestCount(Store& store, Metrics& metrics);

private:
    struct State {
        Metrics& metrics;
        std::map<Key, std::map<std::string, std::int64_t>> counts; ///< of each workspace, by node
        void begin(const WorkspaceReport& report);
        void take(const WorkspaceReport& report);
        void forget(const Key& key);
    };
    std::shared_ptr<State> state_; ///< shared with the store's callback, whichever lives longer
};

} // namespace berth
