#pragma once
// The actions of the API behind the real router and a real store, without sockets.

#include "api/actions/containers.hpp"
#include "api/actions/health.hpp"
#include "api/actions/routes.hpp"
#include "api/actions/usage.hpp"
#include "api/http/resource.hpp"
#include "tests/fakes/harness.hpp"

#include <gtest/gtest.h>

namespace berth {

class FakeBuckets final : public BucketCheck {
public:
    awaitable<BucketFacts> check(S3Source source) override
    {
        checked.push_back(source);
        if (!problem.empty()) throw Error{Errc::Invalid, problem}.as("INVALID_S3_BUCKET");
        co_return BucketFacts{};
    }
    std::vector<S3Source> checked;
    std::string problem;
};

class ActionTest : public ::testing::Test {
protected:
    static AdmissionSettings admission_settings()
    {
        AdmissionSettings settings;
        settings.s3 = {"http://s3.local:8333", "install-key", Secret{"install-secret"}, {}};
        settings.key_limits = {{"bob", 1}};
        return settings;
    }
    void SetUp() override
    {
        containers.mount(router);
        mount_resource<Workspace>(router, h.store(), h.clock, {}, &admission);
        usage.mount(router);
        routes.mount(router);
        health.mount(router);
    }

    struct Ask {
        std::string method;
        std::string target;
        std::string body = "";
        std::map<std::string, std::string> headers = {};
        std::shared_ptr<ConnectionState> connection = nullptr;
    };
    /// What the server would hand to the handler.
    awaitable<Reply> send(Ask ask)
    {
        const auto mark = ask.target.find('?');
        const auto path = ask.target.substr(0, mark);
        const auto match = router.find(ask.method, path);
        if (!match || !match->route) throw Error{Errc::NotFound, "no route"};
        Call call;
        call.principal = principal;
        call.method = ask.method;
        call.path = path;
        call.body = ask.body;
        call.connection = ask.connection;
        for (const auto& [name, value] : ask.headers) call.headers.set(name, value);
        for (std::size_t i = 0; i < match->values.size(); ++i)
            call.path_params[match->route->param_names.at(i)] = match->values[i];
        Router::read_query(*match->route, mark == std::string::npos ? "" : ask.target.substr(mark + 1), call);
        co_return co_await match->route->handler(std::move(call));
    }
    Reply ask(Ask request) { return h.run(send(std::move(request))); }
    json::value body(const Reply& reply) { return json::parse(reply.body); }
    /// The wire code of the error that a request ends with; "none" when it ends well.
    std::string error(Ask request)
    {
        try {
            ask(std::move(request));
        } catch (const Error& failure) {
            return wire_code(failure) + " " + std::to_string(http_status(failure));
        }
        return "none";
    }

    Reply start(
        const std::string& text = R"({"s3Bucket":"demo"})", std::map<std::string, std::string> headers = {})
    {
        return ask({"POST", "/api/containers/start", text, std::move(headers)});
    }
    std::string started() { return std::string(body(start()).at("id").as_string()); }
    Workspace stored(const std::string& id) { return h.get<Workspace>("default", id); }
    /// What the reconciler would write.
    template <class F> void set_status(const std::string& id, F change)
    {
        auto workspace = stored(id);
        change(workspace.status);
        auto write = [workspace](Txn& txn) { txn.put_status(workspace); };
        h.transact(std::move(write));
        h.settle();
    }

    Harness h;
    Router router;
    FakeBuckets buckets;
    WorkspaceCache cache{h.store()};
    Capacity capacity{h.store(), cache, h.clock, CapacitySettings{}};
    WorkspaceAdmission admission{h.store(), buckets, capacity, admission_settings()};
    Containers containers{h.store(), cache, admission, h.clock, ContainerSettings{}};
    UsageAction usage{h.store(), cache, h.clock, h.metrics};
    RouteTable routes{cache, h.io.get_executor(), h.clock, RouteSettings{}};
    DockerHealth docker_health{true, "20.10.24"};
    HealthAction health{h.store(), cache, h.clock, [this] { return docker_health; }};
    Principal principal{"alice", Role::user, 0};
};

} // namespace berth
