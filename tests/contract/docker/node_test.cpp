// What Berth relies on in an engine. Runs against FakeEngine and against a real one, so that the fake can't drift.
#include "tests/contract/docker/engine_fixture.hpp"

namespace berth::docker {
namespace {

template <class Side>
class Nodes : public Engine<Side> {};
TYPED_TEST_SUITE(Nodes, Sides, SideNames);

TYPED_TEST(Nodes, KnowsNetworksByNameAndKeepsTheirSubnet)
{
    auto& client = this->client();
    NetworkCreate request;
    request.Name = this->name("net");
    request.Attachable = true;
    request.Labels = this->labels();
    request.IPAM = IPAM{"", {{"10.219.4.0/24", "", ""}}};
    const auto id = this->call(client.create_network(request));
    // The manager allocates it a moment after it has answered; until then it has neither driver nor subnet.
    std::optional<Network> network;
    EXPECT_TRUE(this->eventually([&] {
        network = this->call(client.find_network(request.Name));
        return network && !network->Driver.empty() && !network->IPAM.Config.empty();
    }));
    ASSERT_TRUE(network);
    EXPECT_EQ(network->Id, id);
    EXPECT_EQ(network->Driver, "overlay");
    EXPECT_EQ(network->Scope, "swarm");
    EXPECT_EQ(network->Labels, this->labels());
    ASSERT_EQ(network->IPAM.Config.size(), 1u);
    EXPECT_EQ(network->IPAM.Config[0].Subnet, "10.219.4.0/24");
    EXPECT_EQ(this->failure(client.create_network(request)), Errc::Exists);
    EXPECT_EQ(this->call(client.list_networks(this->mine())).size(), 1u);
    this->call(client.remove_network(id));
    this->call(client.remove_network(id));
    EXPECT_FALSE(this->call(client.find_network(id)));
}

TYPED_TEST(Nodes, ATaskOnANetworkHasAnAddressThere)
{
    auto& client = this->client();
    NetworkCreate request;
    request.Name = this->name("net");
    request.Labels = this->labels();
    request.IPAM = IPAM{"", {{"10.219.5.0/24", "", ""}}};
    const auto network = this->call(client.create_network(request));
    auto spec = this->sleeper();
    spec.TaskTemplate.Networks = {{request.Name, {}, {}}};
    const auto id = this->call(client.create_service(spec));
    EXPECT_EQ(this->call(client.find_service(id))->Spec.TaskTemplate.Networks.at(0).Target, network)
        << "the engine puts the id in the place of the name";
    const auto task = this->running_task(this->name());
    ASSERT_EQ(task.NetworksAttachments.size(), 1u);
    EXPECT_EQ(task.NetworksAttachments[0].Network.ID, network);
    ASSERT_EQ(task.NetworksAttachments[0].Addresses.size(), 1u);
    const auto address = task.NetworksAttachments[0].Addresses[0];
    EXPECT_THAT(address, testing::AllOf(testing::StartsWith("10.219.5."), testing::EndsWith("/24")));
    const auto container = this->call(client.inspect_container(task.Status.ContainerStatus->ContainerID));
    ASSERT_TRUE(container);
    EXPECT_EQ(container->NetworkSettings.Networks.at(request.Name).IPAddress + "/24", address);
}

TYPED_TEST(Nodes, VolumesOfATaskStayWithTheirLabels)
{
    auto& client = this->client();
    auto spec = this->sleeper();
    Mount mount{"volume", this->name("volume"), "/data", false, {}, VolumeOptions{false, this->labels(), {}}, {}};
    spec.TaskTemplate.ContainerSpec.Mounts = {mount};
    const auto id = this->call(client.create_service(spec));
    const auto task = this->running_task(this->name());
    const auto volume = this->call(client.inspect_volume(mount.Source));
    ASSERT_TRUE(volume);
    EXPECT_EQ(volume->Labels, this->labels());
    EXPECT_EQ(volume->Driver, "local");
    EXPECT_THAT(volume->Mountpoint, HasSubstr("/volumes/" + mount.Source));
    EXPECT_EQ(this->call(client.list_volumes(this->mine())).size(), 1u);
    EXPECT_EQ(this->failure(client.remove_volume(mount.Source)), Errc::Conflict) << "it is in use";
    const auto container = this->call(client.inspect_container(task.Status.ContainerStatus->ContainerID));
    ASSERT_EQ(container->Mounts.size(), 1u);
    EXPECT_EQ(container->Mounts[0].Name, mount.Source);
    EXPECT_EQ(container->Mounts[0].Destination, "/data");

    this->call(client.remove_service(id));
    EXPECT_TRUE(this->eventually([&] { return this->call(client.list_containers(this->mine(), true)).empty(); }));
    EXPECT_TRUE(this->call(client.inspect_volume(mount.Source))) << "a volume outlives its service";
    this->call(client.remove_volume(mount.Source));
    this->call(client.remove_volume(mount.Source));
    EXPECT_FALSE(this->call(client.inspect_volume(mount.Source)));
}

TYPED_TEST(Nodes, AVolumeIsCreatedOnce)
{
    VolumeCreate request{this->name("volume"), "", {}, this->labels()};
    EXPECT_EQ(this->call(this->client().create_volume(request)).Name, request.Name);
    EXPECT_EQ(this->call(this->client().create_volume(request)).Labels, this->labels()) << "again is the same";
    EXPECT_EQ(this->call(this->client().list_volumes(this->mine())).size(), 1u);
}

TYPED_TEST(Nodes, SecretsShowNoContent)
{
    auto& client = this->client();
    const auto id = this->call(client.create_secret(this->name("secret"), this->labels(), Secret{"content"}));
    const auto secrets = this->call(client.list_secrets(this->mine()));
    ASSERT_EQ(secrets.size(), 1u);
    EXPECT_EQ(secrets[0].ID, id);
    EXPECT_EQ(secrets[0].Spec.Name, this->name("secret"));
    EXPECT_EQ(this->failure(client.create_secret(this->name("secret"), {}, Secret{"x"})), Errc::Exists);
    this->call(client.remove_secret(id));
    this->call(client.remove_secret(id));
}

TYPED_TEST(Nodes, TheLogTellsOutputFromErrors)
{
    auto& client = this->client();
    ContainerCreate request;
    request.Image = this->image_;
    request.Entrypoint = {"sh", "-c", "echo out; echo err >&2; exit 3"};
    request.Labels = this->labels();
    const auto id = this->call(client.create_container(this->name("logs"), request));
    EXPECT_EQ(this->failure(client.create_container(this->name("logs"), request)), Errc::Exists);
    this->call(client.start_container(id));
    this->side_.expect_output(id, {{1, "out\n"}, {2, "err\n"}});
    EXPECT_TRUE(this->eventually([&] { return this->read_log(id) == "out\n|err\n"; })) << this->read_log(id);
    EXPECT_EQ(this->failure(client.container_logs(this->name("nothing"))), Errc::NotFound);
    this->call(client.remove_container(id, true));
    this->call(client.remove_container(id, true));
    EXPECT_FALSE(this->call(client.inspect_container(id)));
}

TYPED_TEST(Nodes, KnowsItsImages)
{
    EXPECT_TRUE(this->call(this->client().image_exists(this->image_)));
}

} // namespace
} // namespace berth::docker
