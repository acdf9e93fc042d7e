#pragma once
// The fixture of the contract: everything that a test makes carries its label and is removed at the end.

#include "tests/contract/docker/engine_side.hpp"

#include "controller/base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace berth::docker {

using namespace std::chrono_literals;
using testing::HasSubstr;

template <class Side>
class Engine : public testing::Test {
protected:
    void SetUp() override
    {
        if (const auto why = side_.missing(); !why.empty()) GTEST_SKIP() << why;
        mark_ = random_text(8);
        image_ = side_.image();
    }
    void TearDown() override
    {
        if (!side_.missing().empty()) return;
        for (const auto& service : call(client().list_services(mine()))) call(client().remove_service(service.ID));
        for (const auto& container : call(client().list_containers(mine(), true)))
            call(client().remove_container(container.Id, true));
        EXPECT_TRUE(eventually([&] { return remove_rest(); })) << "something of this test is left behind";
    }
    bool remove_rest()
    {
        try {
            for (const auto& network : call(client().list_networks(mine()))) call(client().remove_network(network.Id));
            for (const auto& volume : call(client().list_volumes(mine()))) call(client().remove_volume(volume.Name));
            for (const auto& secret : call(client().list_secrets(mine()))) call(client().remove_secret(secret.ID));
            return true;
        } catch (const Error&) {
            return false; // still in use by a container that is on its way out
        }
    }

    Client& client() { return side_.client(); }
    template <class T>
    T call(awaitable<T> work)
    {
        return run_to_end(side_.io, std::move(work));
    }
    template <class T>
    Errc failure(awaitable<T> work)
    {
        try {
            call(std::move(work));
            ADD_FAILURE() << "it succeeded";
        } catch (const Error& error) {
            message_ = error.what();
            return error.code();
        }
        return Errc::Quota;
    }
    bool eventually(const std::function<bool()>& holds, Duration limit = 30s)
    {
        for (const auto end = side_.clock.tick() + limit; side_.clock.tick() < end; call(side_.clock.sleep(50ms)))
            if (holds()) return true;
        return holds();
    }
    std::string name(const std::string& suffix = "a") const { return "berthtest-" + mark_ + "-" + suffix; }
    StringMap labels() const { return {{"dev.berth.test", mark_}}; }
    Filters mine() const { return with_labels(labels()); }
    ServiceSpec sleeper(const std::string& suffix = "a") const
    {
        ServiceSpec spec;
        spec.Name = name(suffix);
        spec.Labels = labels();
        auto& container = spec.TaskTemplate.ContainerSpec;
        container.Image = image_;
        container.Labels = labels();
        container.Command = {"sleep", "1000"};
        container.StopGracePeriod = 100'000'000;
        spec.TaskTemplate.RestartPolicy = RestartPolicy{"none", {}, {}, {}};
        spec.EndpointSpec = EndpointSpec{"dnsrr", {}};
        return spec;
    }
    std::vector<Task> tasks_of(const std::string& service)
    {
        Filters filters;
        filters["service"] = {service};
        return call(client().list_tasks(filters));
    }
    /// "what went to stdout|what went to stderr"
    std::string read_log(const std::string& container)
    {
        auto log = call(client().container_logs(container));
        std::string out, err;
        while (auto chunk = call(log.next())) (chunk->from == LogChunk::From::Stderr ? err : out) += chunk->text;
        return out + "|" + err;
    }
    Task running_task(const std::string& service)
    {
        std::vector<Task> tasks;
        const bool runs = eventually([&] {
            tasks = tasks_of(service);
            return tasks.size() == 1 && tasks[0].Status.State == "running";
        });
        EXPECT_TRUE(runs) << (tasks.empty() ? "no task" : tasks[0].Status.State + " " + tasks[0].Status.Err);
        return runs ? tasks[0] : Task{};
    }

    Side side_;
    std::string mark_, image_, message_;
};

using Sides = testing::Types<FakeSide, RealSide>;
struct SideNames {
    template <class Side>
    static std::string GetName(int)
    {
        return std::is_same_v<Side, FakeSide> ? "Fake" : "Real";
    }
};

} // namespace berth::docker
