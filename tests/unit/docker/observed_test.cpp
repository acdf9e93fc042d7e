#include "docker/observed.hpp"

#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_engine.hpp"
#include "tests/fakes/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::docker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

class ObservedTest : public testing::Test {
protected:
    void SetUp() override
    {
        observed_.on_change([this](const ObservedChange& change) {
            seen_.push_back(std::string(to_string(change.type)) + " " + change.name + (change.gone ? " gone" : ""));
        });
        observed_.on_relist([this] { ++relists_; });
    }
    void TearDown() override
    {
        tasks_.cancel();
        settle(io_);
        EXPECT_EQ(tasks_.size(), 0u) << "everything ends when it is asked to";
    }
    void start(bool with_service = true)
    {
        if (with_service) create("ws-1");
        tasks_.spawn("observed", observed_.run());
        wait(2s);
        ASSERT_TRUE(observed_.synced());
        forget();
    }
    void forget()
    {
        seen_.clear();
        relists_ = 0;
        engine_.forget_calls();
    }
    void wait(Duration duration) { clock_.run(io_, duration); }
    std::string create(const std::string& name)
    {
        ServiceSpec spec;
        spec.Name = name;
        spec.Labels = {{"dev.berth.name", name}};
        spec.TaskTemplate.ContainerSpec.Image = "image";
        spec.TaskTemplate.ContainerSpec.Labels = {{"dev.berth.kind", "Workspace"}};
        std::string id;
        struct Call {
            static awaitable<> run(Client& client, ServiceSpec spec, std::string& id)
            {
                id = co_await client.create_service(std::move(spec));
            }
        };
        TaskGroup group{io_.get_executor()};
        group.spawn("create", Call::run(client_, std::move(spec), id));
        settle(io_);
        EXPECT_EQ(group.size(), 0u);
        return id;
    }
    std::vector<std::string> take() { return std::exchange(seen_, {}); }

    asio::io_context io_;
    FakeClock clock_;
    FakeEngine engine_{io_.get_executor(), clock_};
    Client client_{engine_, clock_};
    Observed observed_{io_.get_executor(), clock_, client_};
    TaskGroup tasks_{io_.get_executor()};
    std::vector<std::string> seen_;
    int relists_ = 0;
};

TEST_F(ObservedTest, ShowsWhatIsThere)
{
    const auto id = create("ws-1");
    engine_.run_tasks();
    tasks_.spawn("observed", observed_.run());
    settle(io_);
    EXPECT_TRUE(observed_.synced());
    EXPECT_THAT(take(), ElementsAre("node manager-1", "service ws-1", "task ws-1"));
    ASSERT_TRUE(observed_.service_by_name("ws-1"));
    EXPECT_EQ(observed_.service_by_name("ws-1"), observed_.service(id));
    EXPECT_EQ(observed_.services_with_label("dev.berth.name", "ws-1").size(), 1u);
    EXPECT_EQ(observed_.services_with_label("dev.berth.name", "ws-2").size(), 0u);
    ASSERT_EQ(observed_.tasks_of_service(id).size(), 1u);
    EXPECT_EQ(observed_.tasks_of_service(id)[0]->Status.State, "running");
    EXPECT_EQ(observed_.tasks_of_node(engine_.local_node()).size(), 1u);
    EXPECT_EQ(observed_.service_by_name("ws-2"), nullptr);
}

TEST_F(ObservedTest, AnEventHastensARelist)
{
    start();
    create("ws-2");
    wait(49ms);
    EXPECT_EQ(relists_, 0) << "the debounce holds it back";
    wait(1ms);
    EXPECT_EQ(relists_, 1);
    EXPECT_THAT(take(), ElementsAre("service ws-2", "task ws-2"));
    engine_.remove_service_by_hand("ws-1");
    wait(50ms);
    EXPECT_THAT(take(), ElementsAre("service ws-1 gone", "task ws-1 gone"));
}

TEST_F(ObservedTest, ABurstIsOneRelist)
{
    start();
    for (int i = 0; i < 40; ++i) create("burst-" + std::to_string(i));
    wait(1s);
    EXPECT_EQ(relists_, 1);
    EXPECT_EQ(observed_.services().size(), 41u);
}

TEST_F(ObservedTest, ARelistIsFourCallsWhateverTheNumber)
{
    for (int i = 0; i < 1000; ++i) create("many-" + std::to_string(i));
    start();
    run_to_end(io_, observed_.relist_now());
    EXPECT_THAT(engine_.call_log(), ElementsAre("GET /services", "GET /tasks", "GET /nodes", "GET /networks"));
    EXPECT_TRUE(take().empty()) << "nothing changed, so nothing is announced";
    EXPECT_EQ(observed_.services().size(), 1000u + 1u);
}

TEST_F(ObservedTest, UnchangedObjectsKeepTheirPointer)
{
    start();
    create("ws-2");
    const auto before = observed_.service_by_name("ws-1");
    wait(50ms);
    ASSERT_TRUE(observed_.service_by_name("ws-2"));
    EXPECT_EQ(observed_.service_by_name("ws-1"), before);
}

TEST_F(ObservedTest, LostEventsCostOneRelistInterval)
{
    start();
    engine_.lose_events(true); // not even the engine remembers them
    create("ws-2");
    engine_.remove_service_by_hand("ws-1");
    wait(30s);
    EXPECT_THAT(take(), UnorderedElementsAre("service ws-1 gone", "task ws-1 gone", "service ws-2", "task ws-2"));
}

TEST_F(ObservedTest, DroppedEventsAreNoticedByTheCheck)
{
    start();
    engine_.drop_events(true); // the engine has sent them, the stream has not brought them
    create("ws-2");
    engine_.drop_events(false);
    wait(11s);
    EXPECT_THAT(take(), ElementsAre("service ws-2", "task ws-2"));
    EXPECT_EQ(engine_.calls("GET /services"), 1u) << "by the check, not by the interval";
}

TEST_F(ObservedTest, AHalfOpenStreamIsNoticedWithinTenSeconds)
{
    start();
    engine_.mute_events(true);
    engine_.inject({.kind = Fault::Kind::Hang, .call = "GET /_ping", .times = -1});
    wait(10s);
    EXPECT_FALSE(observed_.connected());
    engine_.clear_faults();
    engine_.mute_events(false);
    wait(31s);
    EXPECT_TRUE(observed_.connected());
    EXPECT_EQ(engine_.event_streams(), 1u);
}

TEST_F(ObservedTest, AReconnectIsFollowedByARelist)
{
    start();
    engine_.lose_events(true);
    create("ws-2");
    engine_.lose_events(false);
    engine_.cut_events();
    wait(200ms);
    EXPECT_THAT(take(), ElementsAre("service ws-2", "task ws-2"));
    EXPECT_TRUE(observed_.connected());
}

TEST_F(ObservedTest, AnEmptyListRightAfterAReconnectIsNotBelieved)
{
    start();
    engine_.cut_events();
    engine_.inject({.kind = Fault::Kind::EmptyList, .call = "GET /services"});
    engine_.inject({.kind = Fault::Kind::EmptyList, .call = "GET /tasks"});
    wait(200ms);
    EXPECT_EQ(engine_.calls("GET /services"), 1u);
    EXPECT_TRUE(observed_.service_by_name("ws-1"));
    EXPECT_EQ(relists_, 0);
    wait(5s);
    EXPECT_TRUE(take().empty());
    EXPECT_EQ(relists_, 1) << "the second list is full again, and is believed";
}

TEST_F(ObservedTest, TwoEmptyListsAreBelieved)
{
    start();
    engine_.cut_events();
    engine_.lose_events(true);
    engine_.remove_service_by_hand("ws-1");
    wait(200ms);
    EXPECT_TRUE(observed_.service_by_name("ws-1"));
    wait(2s);
    EXPECT_FALSE(observed_.service_by_name("ws-1"));
    EXPECT_THAT(take(), ElementsAre("service ws-1 gone", "task ws-1 gone"));
}

TEST_F(ObservedTest, WithoutAReconnectTheLastServiceMayGo)
{
    start();
    engine_.remove_service_by_hand("ws-1");
    wait(50ms);
    EXPECT_THAT(take(), ElementsAre("service ws-1 gone", "task ws-1 gone"));
}

TEST_F(ObservedTest, AnEmptyStartIsConfirmedBeforeItCounts)
{
    tasks_.spawn("observed", observed_.run());
    settle(io_);
    EXPECT_FALSE(observed_.synced());
    wait(1s);
    EXPECT_TRUE(observed_.synced());
    EXPECT_TRUE(observed_.services().empty());
}

TEST_F(ObservedTest, AListWithoutNodesIsNeverBelieved)
{
    start();
    engine_.inject({.kind = Fault::Kind::EmptyList, .call = "GET /nodes", .times = 3});
    create("ws-2");
    wait(2500ms);
    EXPECT_EQ(engine_.calls("GET /nodes"), 3u);
    EXPECT_EQ(relists_, 0);
    EXPECT_EQ(observed_.nodes().size(), 1u);
    wait(1s);
    EXPECT_EQ(relists_, 1);
}

TEST_F(ObservedTest, AFailedRelistKeepsTheStateAndIsTriedAgain)
{
    start();
    engine_.inject({.kind = Fault::Kind::StatusBefore, .call = "GET /tasks", .times = 2, .status = 503});
    create("ws-2");
    wait(1500ms);
    EXPECT_EQ(relists_, 0);
    EXPECT_TRUE(observed_.service_by_name("ws-1"));
    wait(1s);
    EXPECT_EQ(relists_, 1);
    EXPECT_TRUE(observed_.service_by_name("ws-2"));
}

TEST_F(ObservedTest, TaskStatesAreSeenWhileWatchedClosely)
{
    start();
    engine_.run_tasks(); // makes no Swarm event
    wait(5s);
    EXPECT_TRUE(take().empty());
    observed_.watch_closely(3s);
    wait(500ms);
    EXPECT_THAT(take(), ElementsAre("task ws-1"));
    forget();
    wait(3s);
    EXPECT_THAT(relists_, testing::AllOf(testing::Ge(5), testing::Le(6)));
    forget();
    wait(5s);
    EXPECT_LE(relists_, 1) << "and then it is quiet again";
}

TEST_F(ObservedTest, AChangeDuringARelistIsNotForgotten)
{
    start();
    engine_.inject({.kind = Fault::Kind::Hang, .call = "GET /networks"}); // 20 s, then the relist fails
    observed_.poke();
    wait(100ms);
    create("ws-2");
    wait(21s);
    wait(1s);
    EXPECT_TRUE(observed_.service_by_name("ws-2"));
}

} // namespace
} // namespace berth::docker
