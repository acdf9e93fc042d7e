#include "docker/errors.hpp"
#include "docker/model.hpp"

#include "docker/client.hpp"
#include "tests/fakes/piece_stream.hpp"
#include "tests/fakes/run.hpp"

#include <gtest/gtest.h>

namespace berth::docker {
namespace {

TEST(DockerModel, SendsOnlyWhatIsSet)
{
    ServiceSpec spec;
    spec.Name = "ws-1";
    spec.TaskTemplate.ContainerSpec.Image = "image";
    spec.TaskTemplate.ContainerSpec.Init = false;
    spec.TaskTemplate.ContainerSpec.Mounts.push_back({"volume", "v", "/workspace", false, {}, {}, {}});
    spec.Mode = ServiceMode{ReplicatedService{0}, std::nullopt};
    EXPECT_EQ(json::serialize(encode_request(spec)),
        R"({"Name":"ws-1","TaskTemplate":{"ContainerSpec":{"Image":"image",)"
        R"("Mounts":[{"Type":"volume","Source":"v","Target":"/workspace"}],"Init":false}},)"
        R"("Mode":{"Replicated":{"Replicas":0}}})");
    spec.Mode = ServiceMode{std::nullopt, GlobalService{}};
    EXPECT_EQ(json::serialize(encode_request(*spec.Mode)), R"({"Global":{}})");
}

TEST(DockerModel, WhatIsSentReadsBackTheSame)
{
    ServiceSpec spec;
    spec.Name = "ws-1";
    spec.Labels = {{"a", "b"}, {"empty", ""}};
    auto& container = spec.TaskTemplate.ContainerSpec;
    container.Image = "image";
    container.Env = {"A=b", ""};
    container.StopGracePeriod = 10'000'000'000;
    container.CapabilityDrop = {"ALL"};
    container.Mounts.push_back({"volume", "v", "/w", true, {}, VolumeOptions{true, {{"x", "y"}}, {}}, {}});
    spec.TaskTemplate.Resources = Resources{Limit{2'000'000'000, 4LL << 30, 512}, {}};
    spec.TaskTemplate.RestartPolicy = RestartPolicy{"none", {}, 0, {}};
    spec.TaskTemplate.Networks = {{"net", {"alias"}, {}}};
    spec.EndpointSpec = EndpointSpec{"dnsrr", {}};
    EXPECT_EQ(decode<ServiceSpec>(encode_request(spec), Unknown::Reject), spec);
}

TEST(DockerModel, ReadsNullsAndForeignMembers)
{
    const auto task = decode<Task>(parse_json(R"({"ID":"t","Version":{"Index":12},"Labels":{},"Spec":{"ContainerSpec":
        {"Image":"i","Labels":null,"Mounts":null,"Healthcheck":null,"Isolation":"default"},"Networks":null,"Runtime":"container"},
        "ServiceID":"s","Slot":1,"NodeID":"n","Status":{"Timestamp":"2026-01-01T00:00:00.123456789Z","State":"running",
        "ContainerStatus":{"ContainerID":"c","PID":5,"ExitCode":0},"PortStatus":{}},"DesiredState":"running",
        "NetworksAttachments":[{"Network":{"ID":"x","Spec":{"Name":"edge","Labels":{}}},"Addresses":["10.201.0.5/16"]}]})"),
        Unknown::Ignore);
    EXPECT_EQ(task.Version.Index, 12u);
    EXPECT_EQ(task.Status.ContainerStatus->ContainerID, "c");
    EXPECT_EQ(task.NetworksAttachments.at(0).Addresses.at(0), "10.201.0.5/16");
    const auto network = decode<Network>(
        parse_json(R"({"Id":"n","Name":"host","IPAM":{"Driver":"default","Options":null,"Config":null},"Options":null})"),
        Unknown::Ignore);
    EXPECT_TRUE(network.IPAM.Config.empty());
}

TEST(DockerModel, KnowsWhichTasksHaveEnded)
{
    for (const char* state : {"complete", "failed", "rejected", "shutdown", "orphaned", "remove"})
        EXPECT_TRUE(task_ended(state)) << state;
    for (const char* state : {"new", "pending", "assigned", "preparing", "starting", "running", "something-new"})
        EXPECT_FALSE(task_ended(state)) << state;
}

TEST(DockerModel, MemoryWithoutTheCache)
{
    EXPECT_EQ(used_memory({1000, 0, {{"inactive_file", 300}}}), 700u);
    EXPECT_EQ(used_memory({1000, 0, {{"total_inactive_file", 200}, {"inactive_file", 300}}}), 800u);
    EXPECT_EQ(used_memory({1000, 0, {{"inactive_file", 3000}}}), 1000u);
}

TEST(DockerErrors, MapToOutcomes)
{
    struct Row {
        unsigned status;
        std::string message;
        bool creates;
        Errc expected;
    };
    const Row rows[] = {
        {400, "bad", false, Errc::Invalid},
        {404, "no such service", false, Errc::NotFound},
        {409, "name conflicts with an existing object", true, Errc::Exists},
        {409, "volume is in use", false, Errc::Conflict},
        {500, "rpc error: code = Unknown desc = update out of sequence", false, Errc::Conflict},
        {500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded", true, Errc::Timeout},
        {500, "The swarm does not have a leader.", true, Errc::Unavailable},
        {500, "something else", true, Errc::Internal},
        {503, "This node is not a swarm manager.", true, Errc::Unavailable},
        {403, "denied", false, Errc::Denied},
    };
    for (const auto& row : rows) {
        const HttpResponse response{row.status, {}, json::serialize(json::object{{"message", row.message}})};
        const auto error = refusal("service_create", response, row.creates);
        EXPECT_EQ(error.code(), row.expected) << row.status << " " << row.message;
        EXPECT_NE(std::string(error.what()).find(row.message), std::string::npos);
    }
    EXPECT_NE(std::string(refusal("x", {500, {}, "<html>oops"}, false).what()).find("<html>oops"), std::string::npos);
}

TEST(DockerVersion, IsTheOlderOfBoth)
{
    EXPECT_EQ(negotiate_version("1.41"), "1.41");
    EXPECT_EQ(negotiate_version("1.43"), "1.43");
    EXPECT_EQ(negotiate_version("1.52"), std::string(Client::kNewestApi));
    for (const char* old : {"1.40", "1.9", "", "abc", "1.41x"}) EXPECT_THROW(negotiate_version(old), Error) << old;
}

std::string frame(char from, const std::string& text)
{
    return std::string{from, 0, 0, 0, 0, 0, 0, static_cast<char>(text.size())} + text;
}

std::string read_log(std::deque<std::string> pieces, bool multiplexed = true)
{
    asio::io_context io;
    LogStream log{std::make_unique<PieceStream>(std::move(pieces)), multiplexed};
    std::string text;
    while (auto chunk = run_to_end(io, log.next()))
        text += (chunk->from == LogChunk::From::Stderr ? "E:" : "O:") + chunk->text + ";";
    return text;
}

TEST(DockerLogs, AreTakenApart)
{
    const auto all = frame(1, "hello") + frame(2, "oops") + frame(1, "") + frame(1, "bye");
    EXPECT_EQ(read_log({all}), "O:hello;E:oops;O:;O:bye;");
    std::deque<std::string> bytes;
    for (char c : all) bytes.emplace_back(1, c);
    EXPECT_EQ(read_log(std::move(bytes)), "O:hello;E:oops;O:;O:bye;");
    EXPECT_EQ(read_log({"plain ", "text"}, false), "O:plain ;O:text;");
    EXPECT_EQ(read_log({}), "");
}

TEST(DockerLogs, RefuseWhatIsNoLog)
{
    EXPECT_THROW(read_log({"plain text, not framed"}), Error);
    EXPECT_THROW(read_log({frame(1, "cut").substr(0, 10)}), Error);
    EXPECT_THROW(read_log({frame(1, "cut").substr(0, 5)}), Error);
    EXPECT_THROW(read_log({std::string{1, 0, 0, 0, 0x7f, 0, 0, 0}}), Error) << "2 GB in one frame";
}

} // namespace
} // namespace berth::docker
