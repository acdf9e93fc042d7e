#include "tests/fuzz/http_world.hpp"

#include "api/actions/container_files.hpp"
#include "api/actions/containers.hpp"
#include "api/actions/dashboard.hpp"
#include "api/actions/explain.hpp"
#include "api/actions/extend.hpp"
#include "api/actions/health.hpp"
#include "api/actions/logs.hpp"
#include "api/actions/routes.hpp"
#include "api/actions/usage.hpp"
#include "api/actions/workspace_page.hpp"
#include "api/http/resource.hpp"
#include "api/http/session.hpp"
#include "api/types/warm_pool.hpp"
#include "api/types/workspace_report.hpp"
#include "metrics/metrics.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/temporary_folder.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <boost/system/system_error.hpp>

#include <array>

#include <sys/socket.h>
#include <unistd.h>

namespace berth::fuzz {

namespace {

using boost::asio::ip::tcp;

class AnyBucket final : public BucketCheck {
public:
    awaitable<BucketFacts> check(S3Source) override { co_return BucketFacts{}; }
};

AdmissionSettings admission_settings()
{
    AdmissionSettings settings;
    settings.s3 = {"http://s3.local:8333", "install-key", Secret{"install-secret"}, {}};
    settings.key_limits = {{"name-user", 3}};
    return settings;
}

std::string all_keys()
{
    std::string keys;
    for (const std::string role : {"admin", "user", "viewer", "node", "proxy"})
        keys += "name-" + role + ":" + role + ":" + HttpWorld::key_of(role) + ",";
    return keys;
}

/// What inputs can be about without making it first.
void make_first_objects(Txn& txn)
{
    WorkspaceTemplate small;
    small.metadata.name = "small";
    small.spec.image = "berth/workspace:test";
    txn.create(small);
    Workspace workspace;
    workspace.metadata.name = "demo";
    workspace.metadata.labels = {{"app", "x"}};
    workspace.spec.s3.bucket = "demo";
    workspace.spec.callbackToken = Secret{"callback-token-0123456789"};
    txn.create(workspace);
    workspace.status.phase = Phase::running;
    txn.put_status(workspace);
}

/// As Server does it: a broken connection is an ordinary end.
awaitable<> serve(std::shared_ptr<detail::ServerState> state, tcp::socket socket)
{
    detail::Session session{std::move(state), std::move(socket), "192.0.2.7"};
    try {
        co_await session.run();
    } catch (const boost::system::system_error&) { // the client went away
    }
}

void read_all(int socket, std::string& into)
{
    std::array<char, 65536> piece{};
    for (;;) {
        const auto size = ::recv(socket, piece.data(), piece.size(), MSG_DONTWAIT);
        if (size <= 0) return;
        into.append(piece.data(), std::size_t(size));
    }
}

} // namespace

struct HttpWorld::Parts {
    Parts()
    {
        containers.mount(router);
        extend.mount(router);
        files.mount(router);
        explain.mount(router);
        logs.mount(router);
        usage.mount(router);
        dashboard.mount(router);
        routes.mount(router);
        health.mount(router);
        page.mount(router);
        mount<Workspace>({}, &admission);
        mount<WorkspaceReport>(written_by(Role::node));
        mount<NodeReport>(written_by(Role::node));
        mount<WorkspaceTemplate>(written_by(Role::admin));
        mount<WarmPool>(written_by(Role::admin));
        mount<ApiKey>(written_by(Role::admin));
        router.mount_openapi();
        run_to_end(io, store->transact(make_first_objects));
        settle(io);
        begin = store->revision();
    }
    ~Parts()
    {
        run_to_end(io, store->close());
        settle(io);
    }
    static ResourceOptions written_by(Role role)
    {
        ResourceOptions options;
        options.write = {role};
        return options;
    }
    template <Kind K> void mount(ResourceOptions options, Admission<K>* rules = nullptr)
    {
        options.orgs = {"default"};
        mount_resource<K>(router, *store, clock, std::move(options), rules);
    }
    std::unique_ptr<Store> open()
    {
        StoreOptions options{folder / "store", io.get_executor(), io.get_executor(), clock};
        return run_to_end(io, Store::open(std::move(options)));
    }
    ServerOptions server_options()
    {
        ServerOptions options;
        options.on_request = [this](const RequestRecord& record) {
            Answered one{std::string(record.method), nullptr, record.status};
            for (const auto& route : router.routes())
                if (route->pattern == record.route &&
                    route->method == (record.method == "HEAD" ? "GET" : record.method))
                    one.route = route.get();
            answered.push_back(std::move(one));
        };
        return options;
    }

    asio::io_context io;
    FakeClock clock;
    TemporaryFolder folder;
    std::unique_ptr<Store> store = open();
    Metrics metrics;
    AnyBucket buckets;
    WorkspaceCache cache{*store};
    Capacity capacity{*store, cache, clock, CapacitySettings{}};
    WorkspaceAdmission admission{*store, buckets, capacity, admission_settings()};
    Containers containers{*store, cache, admission, clock, ContainerSettings{}};
    ContainerExtend extend{*store, clock, PublicAddress{}};
    ContainerFiles files{*store, cache, clock};
    ExplainAction explain{cache, std::chrono::minutes{5}};
    Logs logs{cache, io.get_executor(), clock};
    UsageAction usage{*store, cache, clock, metrics};
    Dashboard dashboard{*store, cache, usage, containers};
    RouteTable routes{cache, io.get_executor(), clock, RouteSettings{}};
    HealthAction health{*store, cache, clock, [] { return DockerHealth{true, "24.0.7"}; }};
    WorkspacePage page{cache, PageSettings{}};
    Authenticator authenticator{parse_api_keys(all_keys(), "API_KEYS"), *store};
    Router router;
    Revision begin = 0;
    std::vector<Answered> answered;
};

HttpWorld::HttpWorld() : parts_(std::make_unique<Parts>()) {}
HttpWorld::~HttpWorld() = default;

std::string HttpWorld::key_of(std::string_view role)
{
    return "key-of-" + std::string(role) + "-0123456789012345678901234567";
}

const std::vector<Answered>& HttpWorld::answered() const noexcept { return parts_->answered; }

bool HttpWorld::changed() const
{
    if (parts_->store->revision() != parts_->begin) return true;
    // Lines of output and idempotency records are no objects.
    for (const auto& one : parts_->answered)
        if (one.method != "GET" && one.method != "HEAD" && one.status < 300) return true;
    return false;
}

std::string HttpWorld::exchange(std::string_view bytes)
{
    auto& io = parts_->io;
    parts_->answered.clear();
    std::array<int, 2> ends{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "no sockets");
    require(::send(ends[1], bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == ssize_t(bytes.size()),
        "the input is too large for a socket");
    ::shutdown(ends[1], SHUT_WR);

    auto state = std::make_shared<detail::ServerState>(
        io.get_executor(), parts_->clock, parts_->router, parts_->authenticator, parts_->server_options());
    tcp::socket socket{io};
    socket.assign(tcp::v4(), ends[0]);
    bool done = false;
    std::exception_ptr failure;
    asio::co_spawn(io, serve(state, std::move(socket)), [&](std::exception_ptr thrown) {
        done = true;
        failure = thrown;
    });
    std::string received;
    for (int round = 0; !done; ++round) {
        settle(io);
        const auto before = received.size();
        read_all(ends[1], received);
        require(round < 10'000, "the server does not end a connection whose client has said everything");
        if (done || received.size() > before) continue;
        parts_->clock.run(io, std::chrono::seconds{1}); // and what Server does of it
        for (auto* session : state->sessions) session->check_deadline(parts_->clock.tick());
    }
    settle(io);
    read_all(ends[1], received);
    ::close(ends[1]);
    if (failure) std::rethrow_exception(failure);
    return received;
}

} // namespace berth::fuzz
