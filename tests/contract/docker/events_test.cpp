// What Berth relies on in an engine. Runs against FakeEngine and against a real one, so that the fake can't drift.
#include "tests/contract/docker/engine_fixture.hpp"

namespace berth::docker {
namespace {

template <class Side>
class Events : public Engine<Side> {};
TYPED_TEST_SUITE(Events, Sides, SideNames);

TYPED_TEST(Events, ShowServicesButNoTasks)
{
    auto& client = this->client();
    EventsOptions options;
    options.filters = {{"type", {"service", "node", "network"}}};
    auto stream = this->call(client.events(options));
    const auto id = this->call(client.create_service(this->sleeper()));
    this->running_task(this->name());
    this->call(client.remove_service(id));
    std::vector<std::string> seen;
    while (seen.empty() || seen.back() != "service remove") {
        const auto line = this->call(stream->read_line());
        ASSERT_TRUE(line);
        const auto event = parse_event(*line);
        EXPECT_GT(event.timeNano, 0);
        EXPECT_NE(event.Type, "task");
        if (event.Actor.ID != id) continue;
        EXPECT_EQ(event.scope, "swarm");
        EXPECT_EQ(event.Actor.Attributes.at("name"), this->name());
        seen.push_back(event.Type + " " + event.Action);
    }
    EXPECT_THAT(seen, testing::ElementsAre("service create", "service remove"));
}

TYPED_TEST(Events, OfContainersAreLocalAndCarryLabels)
{
    auto& client = this->client();
    EventsOptions options;
    options.filters = this->mine();
    options.filters["type"] = {"container"};
    auto stream = this->call(client.events(options));
    const auto id = this->call(client.create_service(this->sleeper()));
    const auto task = this->running_task(this->name());
    this->call(client.remove_service(id));
    std::vector<std::string> actions;
    while (actions.empty() || actions.back() != "destroy") {
        // The fake ends tasks at the next call, the real engine by itself.
        EXPECT_TRUE(this->eventually([&] { return this->call(client.list_containers(this->mine())).empty(); }));
        const auto line = this->call(stream->read_line());
        ASSERT_TRUE(line);
        const auto event = parse_event(*line);
        EXPECT_EQ(event.scope, "local");
        EXPECT_EQ(event.Actor.ID, task.Status.ContainerStatus->ContainerID);
        EXPECT_EQ(event.Actor.Attributes.at("dev.berth.test"), this->mark_);
        EXPECT_EQ(event.Actor.Attributes.at("com.docker.swarm.service.name"), this->name());
        EXPECT_EQ(event.Actor.Attributes.contains("exitCode"), event.Action == "die") << event.Action;
        actions.push_back(event.Action);
    }
    for (const char* action : {"create", "start", "die", "destroy"})
        EXPECT_THAT(actions, testing::Contains(std::string(action)));
}

TYPED_TEST(Events, OfThePastAreRememberedAndEnd)
{
    auto& client = this->client();
    const auto before = std::chrono::floor<std::chrono::seconds>(this->side_.clock.now()).time_since_epoch().count();
    const auto id = this->call(client.create_service(this->sleeper()));
    EventsOptions options;
    options.filters["type"] = {"service"};
    options.since = std::to_string(before - 1);
    std::vector<std::string> seen;
    EXPECT_TRUE(this->eventually([&] {
        const std::chrono::duration<double> now = this->side_.clock.now().time_since_epoch();
        options.until = std::to_string(now.count() - 0.05);
        auto past = this->call(client.events(options));
        seen.clear();
        while (auto line = this->call(past->read_line())) // ends by itself
            if (auto event = parse_event(*line); event.Actor.ID == id) seen.push_back(event.Action);
        return !seen.empty();
    }));
    EXPECT_THAT(seen, testing::ElementsAre("create"));
}

TYPED_TEST(Events, TheStreamStaysWhenNothingIsLost)
{
    EventStreamOptions options;
    options.filters["type"] = {"service"};
    options.check_interval = 500ms;
    EventStream stream{this->side_.io.get_executor(), this->side_.clock, this->client(), options};
    TaskGroup tasks{this->side_.io.get_executor()};
    tasks.spawn("events", stream.run());
    EXPECT_TRUE(this->call(stream.next()).resync);
    const auto id = this->call(this->client().create_service(this->sleeper()));
    auto hint = this->call(stream.next());
    while (hint.event.Actor.ID != id) hint = this->call(stream.next()); // others may use the engine too
    EXPECT_EQ(hint.event.Action, "create");
    this->call(this->side_.clock.sleep(4s)); // several checks compare the stream with the engine's memory
    EXPECT_EQ(stream.connections(), 1u);
    tasks.cancel();
    this->call(tasks.join());
}

} // namespace
} // namespace berth::docker
