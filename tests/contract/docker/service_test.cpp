// What Berth relies on in an engine. Runs against FakeEngine and against a real one, so that the fake can't drift.
#include "tests/contract/docker/engine_fixture.hpp"

namespace berth::docker {
namespace {

template <class Side>
class Services : public Engine<Side> {};
TYPED_TEST_SUITE(Services, Sides, SideNames);

TYPED_TEST(Services, TellsItsVersionAndItsSwarm)
{
    const auto ping = this->call(this->client().ping());
    EXPECT_NO_THROW(negotiate_version(ping.api_version));
    ASSERT_TRUE(ping.date);
    EXPECT_LT(this->side_.clock.now() - *ping.date, 5s) << "the engine's clock, cut to seconds";
    EXPECT_FALSE(this->call(this->client().version()).Version.empty());
    const auto info = this->call(this->client().info());
    EXPECT_TRUE(info.Swarm.ControlAvailable);
    EXPECT_EQ(info.Swarm.LocalNodeState, "active");
    EXPECT_GT(info.NCPU, 0);
    const auto node = this->call(this->client().find_node(info.Swarm.NodeID));
    ASSERT_TRUE(node);
    EXPECT_EQ(node->Status.State, "ready");
    EXPECT_EQ(node->Spec.Role, "manager");
    EXPECT_FALSE(this->call(this->client().swarm()).JoinTokens.Worker.empty());
}

TYPED_TEST(Services, CreatesAndShowsAService)
{
    auto& client = this->client();
    auto spec = this->sleeper();
    spec.TaskTemplate.ContainerSpec.Env = {"A=b"};
    spec.TaskTemplate.ContainerSpec.CapabilityDrop = {"ALL"};
    spec.TaskTemplate.ContainerSpec.Init = true;
    spec.TaskTemplate.Resources = Resources{Limit{500'000'000, 64 << 20, 64}, {}};
    const auto id = this->call(client.create_service(spec));
    const auto service = this->call(client.find_service(id));
    ASSERT_TRUE(service);
    EXPECT_EQ(service->ID, id);
    EXPECT_GT(service->Version.Index, 0u);
    EXPECT_EQ(service->Spec.Name, spec.Name);
    EXPECT_EQ(service->Spec.Labels, spec.Labels);
    const auto& container = service->Spec.TaskTemplate.ContainerSpec;
    EXPECT_EQ(container.Labels, this->labels());
    EXPECT_EQ(container.Env, spec.TaskTemplate.ContainerSpec.Env);
    EXPECT_EQ(container.CapabilityDrop, spec.TaskTemplate.ContainerSpec.CapabilityDrop);
    EXPECT_EQ(container.Init, true);
    EXPECT_EQ(container.StopGracePeriod, 100'000'000);
    EXPECT_EQ(service->Spec.TaskTemplate.Resources, spec.TaskTemplate.Resources);
    EXPECT_EQ(service->Spec.TaskTemplate.RestartPolicy->Condition, "none");
    EXPECT_EQ(service->Spec.Mode->Replicated->Replicas, 1u) << "the default";
    EXPECT_EQ(service->Spec.EndpointSpec->Mode, "dnsrr");
    EXPECT_EQ(this->call(client.find_service(spec.Name))->ID, id) << "by name too";
    EXPECT_FALSE(this->call(client.find_service(this->name("nothing"))));
}

TYPED_TEST(Services, ListsServicesByLabel)
{
    auto& client = this->client();
    const auto id = this->call(client.create_service(this->sleeper("a")));
    auto other = this->sleeper("b");
    other.Labels["more"] = "yes";
    this->call(client.create_service(other));
    EXPECT_EQ(this->call(client.list_services(this->mine())).size(), 2u);
    auto both = this->labels();
    both["more"] = "yes";
    const auto found = this->call(client.list_services(with_labels(both)));
    ASSERT_EQ(found.size(), 1u) << "labels must all match";
    EXPECT_EQ(found[0].Spec.Name, this->name("b"));
    EXPECT_TRUE(this->call(client.list_services(with_labels({{"dev.berth.test", "other"}}))).empty());
    const auto text = this->call(client.list_text("services", this->mine()));
    EXPECT_EQ(Client::parse_list("services", text).size(), 2u);
}

TYPED_TEST(Services, RefusesASecondServiceOfTheSameName)
{
    this->call(this->client().create_service(this->sleeper()));
    EXPECT_EQ(this->failure(this->client().create_service(this->sleeper())), Errc::Exists);
    EXPECT_THAT(this->message_, HasSubstr("name conflicts with an existing object"));
    EXPECT_EQ(this->call(this->client().list_services(this->mine())).size(), 1u);
}

TYPED_TEST(Services, RefusesASpecWithoutAnImage)
{
    auto spec = this->sleeper();
    spec.TaskTemplate.ContainerSpec.Image.clear();
    EXPECT_EQ(this->failure(this->client().create_service(spec)), Errc::Invalid);
}

TYPED_TEST(Services, RefusesAStaleUpdate)
{
    auto& client = this->client();
    const auto id = this->call(client.create_service(this->sleeper()));
    const auto before = this->call(client.find_service(id));
    auto spec = before->Spec;
    spec.Labels["changed"] = "yes";
    this->call(client.update_service(id, before->Version.Index, spec));
    const auto after = this->call(client.find_service(id));
    EXPECT_GT(after->Version.Index, before->Version.Index);
    EXPECT_EQ(after->Spec.Labels.at("changed"), "yes");
    EXPECT_EQ(this->failure(client.update_service(id, before->Version.Index, spec)), Errc::Conflict);
    EXPECT_EQ(this->failure(client.update_service(this->name("nothing"), 1, spec)), Errc::NotFound);
}

TYPED_TEST(Services, RemovesAServiceTwice)
{
    auto& client = this->client();
    const auto id = this->call(client.create_service(this->sleeper()));
    this->call(client.remove_service(id));
    EXPECT_FALSE(this->call(client.find_service(id)));
    this->call(client.remove_service(id));
}

} // namespace
} // namespace berth::docker
