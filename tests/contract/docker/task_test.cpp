// What Berth relies on in an engine. Runs against FakeEngine and against a real one, so that the fake can't drift.
#include "tests/contract/docker/engine_fixture.hpp"

namespace berth::docker {
namespace {

template <class Side>
class Tasks : public Engine<Side> {};
TYPED_TEST_SUITE(Tasks, Sides, SideNames);

TYPED_TEST(Tasks, ATaskReachesRunningAndGoesWithItsService)
{
    auto& client = this->client();
    const auto id = this->call(client.create_service(this->sleeper()));
    const auto task = this->running_task(this->name());
    EXPECT_EQ(task.ServiceID, id);
    EXPECT_EQ(task.DesiredState, "running");
    EXPECT_EQ(task.NodeID, this->call(client.info()).Swarm.NodeID);
    ASSERT_TRUE(task.Status.ContainerStatus);
    EXPECT_EQ(task.Spec.ContainerSpec.Labels, this->labels());

    const auto containers = this->call(client.list_containers(this->mine()));
    ASSERT_EQ(containers.size(), 1u);
    EXPECT_EQ(containers[0].Id, task.Status.ContainerStatus->ContainerID);
    EXPECT_EQ(containers[0].State, "running");
    EXPECT_EQ(containers[0].Labels.at("com.docker.swarm.service.id"), id);
    EXPECT_EQ(containers[0].Labels.at("com.docker.swarm.service.name"), this->name());
    EXPECT_EQ(containers[0].Labels.at("com.docker.swarm.task.id"), task.ID);
    EXPECT_EQ(containers[0].Labels.at("com.docker.swarm.node.id"), task.NodeID);
    const auto container = this->call(client.inspect_container(containers[0].Id));
    ASSERT_TRUE(container);
    EXPECT_TRUE(container->State.Running);
    EXPECT_GT(container->State.Pid, 0);
    EXPECT_THAT(container->NetworkSettings.SandboxKey, HasSubstr("netns/"));
    EXPECT_TRUE(parse_time(container->State.StartedAt));
    EXPECT_GT(this->call(client.container_stats(container->Id)).pids_stats.current, 0u);

    this->call(client.remove_service(id));
    EXPECT_TRUE(this->eventually([&] { return this->call(client.list_containers(this->mine(), true)).empty(); }));
    EXPECT_TRUE(this->eventually([&] {
        const auto tasks = this->call(client.list_tasks());
        return std::ranges::none_of(tasks, [&](const Task& left) { return left.ServiceID == id; });
    })) << "the service's name is unknown now, so its tasks are looked for among all";
}

TYPED_TEST(Tasks, ATaskThatEndsIsNotStartedAgain)
{
    auto& client = this->client();
    this->call(client.create_service(this->sleeper()));
    const auto task = this->running_task(this->name());
    ASSERT_TRUE(task.Status.ContainerStatus);
    this->call(client.kill_container(task.Status.ContainerStatus->ContainerID, "KILL"));
    std::vector<Task> tasks;
    EXPECT_TRUE(this->eventually([&] {
        tasks = this->tasks_of(this->name());
        return tasks.size() == 1 && task_ended(tasks[0].Status.State);
    }));
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_EQ(tasks[0].ID, task.ID);
    EXPECT_EQ(tasks[0].Status.State, "failed");
    EXPECT_EQ(tasks[0].DesiredState, "shutdown");
    EXPECT_EQ(tasks[0].Status.ContainerStatus->ExitCode, 137);
    EXPECT_TRUE(this->call(client.find_service(this->name()))) << "the service stays";
}

TYPED_TEST(Tasks, ATaskWithoutANodeSaysSo)
{
    auto spec = this->sleeper();
    spec.TaskTemplate.Placement = Placement{{"node.id==nowhere"}, 0};
    this->call(this->client().create_service(spec));
    std::vector<Task> tasks;
    EXPECT_TRUE(this->eventually([&] {
        tasks = this->tasks_of(this->name());
        return tasks.size() == 1 && !tasks[0].Status.Err.empty();
    }));
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_EQ(tasks[0].Status.State, "pending");
    EXPECT_EQ(tasks[0].NodeID, "");
    EXPECT_THAT(tasks[0].Status.Err, HasSubstr("no suitable node"));
}

} // namespace
} // namespace berth::docker
