#pragma once
// The Docker Engine API as typed calls.

#include "controller/base/clock.hpp"
#include "controller/base/http_client.hpp"
#include "docker/model.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace berth::docker {

/// What to list: {"label", {"dev.berth.kind=Workspace"}}, {"name", {"ws-abc"}}, … Values of one name are alternatives,
/// except labels, which must all match.
using Filters = std::map<std::string, std::vector<std::string>>;

/// The filter for objects that carry all of these labels.
Filters with_labels(const StringMap& labels);

/// Where to watch the calls (metrics). `call` is a stable word such as "service_create", `code` the HTTP status as
/// text, or "<error>" when there was no reply.
struct CallRecord {
    std::string_view method;
    std::string_view call;
    std::string_view host;
    std::string_view code;
    double seconds = 0;
};

struct ClientOptions {
    Duration deadline = std::chrono::seconds{20};      ///< of an ordinary call
    Duration long_deadline = std::chrono::minutes{10}; ///< of an image pull
    std::function<void(const CallRecord&)> observer{};
};

/// One piece of a container's output.
struct LogChunk {
    enum class From { Stdout, Stderr };
    From from = From::Stdout;
    std::string text;
};

/// Output of a container, a service or an exec. With a TTY everything comes as Stdout.
class LogStream {
public:
    LogStream(std::unique_ptr<BodyStream> body, bool multiplexed) : body_(std::move(body)), multiplexed_(multiplexed) {}
    /// The next piece; nullopt at the end.
    awaitable<std::optional<LogChunk>> next();

private:
    std::unique_ptr<BodyStream> body_;
    bool multiplexed_;
};

struct LogOptions {
    bool follow = false;
    bool with_stdout = true;
    bool with_stderr = true;
    bool timestamps = false;
    std::string since{}; ///< seconds since 1970, with a fraction if wanted
    std::string tail{};  ///< number of lines; empty: all
};

struct EventsOptions {
    std::string since{}; ///< seconds since 1970 ("1700000000.000000001"); empty: from now
    std::string until{}; ///< empty: for ever
    Filters filters{};
};

struct Ping {
    std::string api_version;
    /// The engine's clock, cut to seconds (from the Date header); unset when it sent none.
    std::optional<Time> date;
};

/// Lives on the I/O thread; any number of calls at the same time. The API version is negotiated at the first call
/// (engines from kOldestApi on; not above kNewestApi) and again after negotiate().
/// Every call throws Error: NotFound, Exists (a name in use), Conflict (stale version, or in use), Invalid, Denied,
/// Unavailable (NOT DONE), Timeout (outcome UNKNOWN: look before trying again), Internal (any other answer).
class Client {
public:
    static constexpr std::string_view kOldestApi = "1.41"; ///< Engine 20.10
    static constexpr std::string_view kNewestApi = "1.44"; ///< the lowest that Engine 29 accepts

    Client(Transport& transport, Clock& clock, ClientOptions options = {});

    awaitable<> negotiate();
    /// Empty before the first call.
    const std::string& api_version() const noexcept { return api_version_; }
    awaitable<Ping> ping();
    awaitable<EngineVersion> version();
    awaitable<SystemInfo> info();
    awaitable<std::string> swarm_init(SwarmInit request); ///< the node's id
    awaitable<Swarm> swarm();

    awaitable<std::optional<Service>> find_service(std::string name_or_id);
    awaitable<std::vector<Service>> list_services(Filters filters = {});
    awaitable<std::string> create_service(ServiceSpec spec); ///< the id
    /// Replaces the whole spec. Conflict when `version` is not the present one.
    awaitable<> update_service(std::string id, std::uint64_t version, ServiceSpec spec);
    awaitable<> remove_service(std::string id); ///< gone already = done

    awaitable<std::vector<Task>> list_tasks(Filters filters = {});
    awaitable<std::vector<Node>> list_nodes(Filters filters = {});
    awaitable<std::optional<Node>> find_node(std::string id);
    awaitable<> update_node(std::string id, std::uint64_t version, NodeSpec spec);

    awaitable<std::vector<Network>> list_networks(Filters filters = {});
    awaitable<std::optional<Network>> find_network(std::string name_or_id);
    awaitable<std::string> create_network(NetworkCreate request); ///< the id
    awaitable<> remove_network(std::string id);                   ///< gone already = done

    awaitable<std::vector<ContainerSummary>> list_containers(Filters filters = {}, bool all = false);
    awaitable<std::optional<Container>> inspect_container(std::string id);
    awaitable<std::string> create_container(std::string name, ContainerCreate request); ///< the id
    awaitable<> start_container(std::string id);
    awaitable<> stop_container(std::string id, Duration grace); ///< stopped or gone already = done
    awaitable<> kill_container(std::string id, std::string signal);
    awaitable<> remove_container(std::string id, bool force = false); ///< gone already = done
    /// Exit code, once it has ended; waits at most `limit`.
    awaitable<std::int64_t> wait_container(std::string id, Duration limit);
    awaitable<ContainerStats> container_stats(std::string id); ///< one sample, without waiting for a second
    awaitable<LogStream> container_logs(std::string id, LogOptions options = {}, bool tty = false);
    awaitable<LogStream> service_logs(std::string id, LogOptions options = {});

    awaitable<std::string> create_exec(std::string container, ExecCreate request); ///< the id
    awaitable<LogStream> start_exec(std::string exec, bool tty = false);
    awaitable<ExecState> inspect_exec(std::string exec);

    awaitable<std::vector<Volume>> list_volumes(Filters filters = {});
    awaitable<std::optional<Volume>> inspect_volume(std::string name);
    awaitable<Volume> create_volume(VolumeCreate request);
    awaitable<> remove_volume(std::string name, bool force = false); ///< gone already = done; in use = Conflict

    awaitable<std::vector<SecretInfo>> list_secrets(Filters filters = {});
    awaitable<std::string> create_secret(std::string name, StringMap labels, Secret content); ///< the id
    awaitable<> remove_secret(std::string id);                                                ///< gone already = done

    awaitable<std::vector<ImageSummary>> list_images(Filters filters = {});
    awaitable<bool> image_exists(std::string reference);
    /// Returns when the image is there. `auth` is the base64 X-Registry-Auth value, empty for none.
    awaitable<> pull_image(std::string reference, Secret auth = {});

    /// One JSON event per line (parse_event).
    awaitable<std::unique_ptr<BodyStream>> events(EventsOptions options);

    /// A list as it came ("services", "tasks", "nodes", "networks"), for who looks first whether it is another one and
    /// decodes only what is new; parse_list() reads it.
    awaitable<std::string> list_text(std::string plural, Filters filters = {});
    /// Throws Error{Internal} when it is no list.
    static json::array parse_list(const std::string& plural, const std::string& text);

    Clock& clock() noexcept { return clock_; }

private:
    struct Call; // docker/call.hpp
    awaitable<HttpResponse> perform(Call call);
    awaitable<HttpResponse> raw(Call call, std::string target);
    awaitable<std::unique_ptr<BodyStream>> open_stream(Call call);
    awaitable<json::value> get(Call call);
    awaitable<std::optional<json::value>> find(Call call);
    awaitable<> forget(Call call);
    awaitable<std::string> created(Call call, std::string member);
    awaitable<std::string> versioned(std::string path);
    template <class T>
    awaitable<std::vector<T>> list(Call call);
    template <class T>
    awaitable<std::optional<T>> find_as(Call call);
    void observe(const Call& call, std::string_view code, Tick since) const;

    Transport& transport_;
    Clock& clock_;
    ClientOptions options_;
    std::string api_version_;
};

/// A line of the event stream. Throws Error{Invalid}.
Event parse_event(std::string_view line);

/// The older of the engine's newest version and ours; Error{Unavailable} with a clear text for an engine that is too old.
std::string negotiate_version(std::string_view engine);

} // namespace berth::docker
