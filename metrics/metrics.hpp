#pragma once
// Every time series that Berth exports, declared in one place, in Prometheus' and Kubernetes' own names where
// such exist.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

using Counter = prometheus::Counter;
using Gauge = prometheus::Gauge;
using Histogram = prometheus::Histogram;

/// Upper bounds of a histogram's buckets, in the unit of the series.
namespace buckets {
inline const std::vector<double> kFast{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1, 2.5}; ///< 0.1 ms to 2.5 s
inline const std::vector<double> kCall{
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
inline const std::vector<double> kStart{
    0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 15, 30, 60, 120, 300}; ///< waits of users
inline const std::vector<double> kCount{1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
} // namespace buckets

/// One metric name with fixed label names. Label values are words from a small fixed set, never anything a user can
/// invent; the id of a live workspace and the name of a node only where the series is removed with them. Any thread.
/// The references it hands out live as long as the Metrics, or until remove().
template <class T> class Series {
public:
    Series(prometheus::Registry& registry, std::string name, std::string help,
        std::vector<std::string> labels, std::vector<double> buckets = {});
    Series(const Series&) = delete;
    Series& operator=(const Series&) = delete;

    /// The member of the family with these label values, in the order of the label names. Keep the reference
    /// where the labels are known beforehand; else this is one lookup. The number of values must match
    /// (logic_error).
    T& with(std::initializer_list<std::string_view> values);
    /// The series is exported no more; references to it are void. Nothing happens when there is none.
    void remove(std::initializer_list<std::string_view> values);

private:
    static std::string key_of(std::initializer_list<std::string_view> values);

    prometheus::Family<T>& family_;
    std::vector<std::string> labels_;
    std::vector<double> buckets_;
    std::mutex mutex_;
    std::map<std::string, T*, std::less<>> known_;
};
extern template class Series<Counter>;
extern template class Series<Gauge>;
extern template class Series<Histogram>;

/// A series without labels: exported from the start, with value 0.
template <class T> class Single {
public:
    Single(
        prometheus::Registry& registry, std::string name, std::string help, std::vector<double> buckets = {})
        : series_(registry, std::move(name), std::move(help), {}, std::move(buckets)),
          value_(series_.with({}))
    {}
    T* operator->() noexcept { return &value_; }
    T& operator*() noexcept { return value_; }

private:
    Series<T> series_;
    T& value_;
};

/// Owned by main (or a test), outlives everything that counts. Any thread.
struct Metrics {
    explicit Metrics(std::string_view version = "dev");
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    /// The exposition text (version 0.0.4) of everything, with fresh figures of the process.
    std::string serialize();
    static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

    prometheus::Registry registry;

    // Work queues, as client-go names them. name = the controller's.
    Series<Gauge> workqueue_depth{registry, "workqueue_depth", "Keys waiting now.", {"name"}};
    Series<Counter> workqueue_adds{registry, "workqueue_adds_total", "Keys added.", {"name"}};
    Series<Counter> workqueue_retries{
        registry, "workqueue_retries_total", "Keys added again after a failure.", {"name"}};
    Series<Histogram> workqueue_queue_duration{registry, "workqueue_queue_duration_seconds",
        "Time from when a key is due to when it runs.", {"name"}, buckets::kFast};
    Series<Histogram> workqueue_work_duration{
        registry, "workqueue_work_duration_seconds", "Time a key is worked on.", {"name"}, buckets::kCall};
    Series<Gauge> workqueue_unfinished_work{registry, "workqueue_unfinished_work_seconds",
        "Sum of the times that running keys have been running.", {"name"}};
    Series<Gauge> workqueue_longest_running{registry, "workqueue_longest_running_processor_seconds",
        "How long the oldest running key has been running.", {"name"}};

    // Controllers, as controller-runtime names them. result = success, error, requeue, requeue_after.
    Series<Counter> reconcile_total{registry, "controller_runtime_reconcile_total",
        "Reconciliations by result.", {"controller", "result"}};
    Series<Counter> reconcile_errors{registry, "controller_runtime_reconcile_errors_total",
        "Reconciliations that failed.", {"controller"}};
    Series<Counter> terminal_reconcile_errors{registry, "controller_runtime_terminal_reconcile_errors_total",
        "Failures that are not retried until the object changes.", {"controller"}};
    Series<Counter> reconcile_timeouts{registry, "controller_runtime_reconcile_timeouts_total",
        "Reconciliations cut at their deadline.", {"controller"}};
    Series<Histogram> reconcile_time{registry, "controller_runtime_reconcile_time_seconds",
        "Duration of a reconciliation.", {"controller"}, buckets::kCall};
    Series<Gauge> max_concurrent_reconciles{
        registry, "controller_runtime_max_concurrent_reconciles", "Workers of a controller.", {"controller"}};
    Series<Gauge> active_workers{
        registry, "controller_runtime_active_workers", "Workers that are busy now.", {"controller"}};

    // Calls to outside APIs. host = docker, traefik, s3, api; code = HTTP status or error (no answer).
    Series<Counter> rest_client_requests{
        registry, "rest_client_requests_total", "Calls to other programs.", {"code", "method", "host"}};
    Series<Histogram> rest_client_request_duration{registry, "rest_client_request_duration_seconds",
        "Duration of calls to other programs.", {"method", "host"}, buckets::kCall};

    // Docker as observed. type = service, task, node, network.
    Single<Counter> docker_relists{registry, "berth_docker_relists_total", "Full lists read and believed."};
    Series<Gauge> docker_objects{registry, "berth_docker_objects", "Objects in the last full list.", {"type"}};

    // Store. result = ok, refused (the transaction's own error), failed (not written).
    Single<Histogram> store_commit_duration{registry, "berth_store_commit_duration_seconds",
        "From queued to durable, per transaction.", buckets::kFast};
    Single<Histogram> store_write_duration{
        registry, "berth_store_write_duration_seconds", "One synced write of a batch.", buckets::kFast};
    Single<Histogram> store_batch_size{
        registry, "berth_store_batch_transactions", "Transactions in one synced write.", buckets::kCount};
    Series<Counter> store_transactions{
        registry, "berth_store_transactions_total", "Transactions.", {"result"}};
    Series<Gauge> store_objects{registry, "berth_store_objects", "Objects stored.", {"kind"}};
    Single<Gauge> store_revision{registry, "berth_store_revision", "Revision of the last change."};
    Single<Gauge> store_writable{
        registry, "berth_store_writable", "1: the disk takes writes; 0: it has refused the last one."};
    Single<Gauge> watchers{registry, "berth_watchers", "Open watches of the store."};
    Single<Counter> watches_gone{registry, "berth_watches_gone_total",
        "Watches ended because they asked for, or fell behind, dropped history."};

    // HTTP API. route = the pattern, not the path.
    Series<Counter> http_requests{
        registry, "berth_http_requests_total", "Requests answered.", {"method", "route", "code"}};
    Series<Histogram> http_request_duration{registry, "berth_http_request_duration_seconds",
        "Time to the end of the answer; streams are not counted.", {"method", "route"}, buckets::kFast};
    Single<Gauge> http_connections{registry, "berth_http_connections", "Open connections."};
    Single<Gauge> http_requests_in_flight{
        registry, "berth_http_requests_in_flight", "Requests being answered."};
    Series<Counter> http_rejected{registry, "berth_http_rejected_total",
        "Connections or requests refused before a handler saw them.", {"reason"}};

    // Workspaces. reason = what the history of phases says: Started, StartedAgain, ContainerExited, Unhealthy, ….
    Series<Gauge> workspaces{registry, "berth_workspaces", "Workspaces by phase.", {"phase"}};
    Series<Histogram> workspace_start{registry, "berth_workspace_start_seconds",
        "From the wish to run to a probe through the edge that succeeded.", {"reason"}, buckets::kStart};
    Series<Counter> workspace_incarnations{
        registry, "berth_workspace_incarnations_total", "Containers asked for, the first of a workspace included.", {"reason"}};
    Single<Gauge> workspaces_at_risk{registry, "berth_workspaces_data_at_risk",
        "Workspaces whose final sync can't be confirmed at present."};
    // Of those that run and are measured; they go with them.
    Series<Gauge> workspace_cpu{registry, "berth_workspace_cpu_cores", "Cores that a workspace uses.", {"workspace"}};
    Series<Gauge> workspace_memory{
        registry, "berth_workspace_memory_bytes", "Memory that a workspace uses.", {"workspace"}};

    // What the agents requested of object storage, as they report it: at the latest every 5 minutes.
    Single<Counter> s3_requests{registry, "berth_s3_requests_total",
        "S3 requests made for workspaces, stopped and removed ones included."};
    Series<Counter> workspace_s3_requests{registry, "berth_workspace_s3_requests_total",
        "S3 requests made for a workspace while a node has its container or files.", {"workspace"}};

    // Nodes whose agent reports.
    Series<Gauge> node_cpu_cores{registry, "berth_node_cpu_cores", "Processors of a node.", {"node"}};
    Series<Gauge> node_cpu_used{registry, "berth_node_cpu_used_cores", "Cores that a node uses.", {"node"}};
    Series<Gauge> node_memory_total{registry, "berth_node_memory_bytes", "Memory of a node.", {"node"}};
    Series<Gauge> node_memory_used{registry, "berth_node_memory_used_bytes", "Memory in use on a node.", {"node"}};
    Series<Gauge> node_disk_total{
        registry, "berth_node_disk_bytes", "Size of the file system that holds the volumes.", {"node"}};
    Series<Gauge> node_disk_used{
        registry, "berth_node_disk_used_bytes", "What of it is in use.", {"node"}};

    // Warm pools. state = ready, starting, stale, wanted.
    Series<Gauge> pool_slots{
        registry, "berth_pool_slots", "Unclaimed slots of a warm pool by state.", {"pool", "state"}};
    Series<Gauge> pool_claimed{
        registry, "berth_pool_claimed", "Slots that users got since the pool was made.", {"pool"}};
    Series<Counter> pool_failures{
        registry, "berth_pool_failures_total", "Slots that could not be made.", {"pool", "reason"}};

    // Routes.
    Single<Gauge> routes{registry, "berth_routes", "Routes in the table."};

    Series<Gauge> build_info{registry, "berth_build_info", "Always 1; says what runs.", {"version"}};

    // The process itself, in the usual names; read when serialize() is called.
    Single<Counter> process_cpu{registry, "process_cpu_seconds_total", "User and system CPU time."};
    Single<Gauge> process_resident_memory{registry, "process_resident_memory_bytes", "Resident memory."};
    Single<Gauge> process_virtual_memory{registry, "process_virtual_memory_bytes", "Virtual memory."};
    Single<Gauge> process_open_fds{registry, "process_open_fds", "Open file descriptors."};
    Single<Gauge> process_max_fds{registry, "process_max_fds", "Limit of open file descriptors."};
    Single<Gauge> process_start_time{registry, "process_start_time_seconds", "Start, in seconds since 1970."};

private:
    void refresh_process();
    std::mutex refreshing_;
};

} // namespace berth
