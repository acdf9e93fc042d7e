// The small pure parts: names, plan, manifest, usage, settings, control files, error classes.

#include "node/config.hpp"
#include "node/control_volume.hpp"
#include "node/filters.hpp"
#include "node/inventory.hpp"
#include "node/object_store.hpp"
#include "node/prober.hpp"
#include "node/sync_plan.hpp"
#include "node/usage.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Filters, NamesThatS3CantHold)
{
    for (const char* good : {"a", "a/b c/ü.txt", "...", "a/..b", "-x", "b\\s", ".git/HEAD", "new\nline", "tab\t",
             "\x7f", "a ", "caf\xe9/\xc0\xaf", "\xed\xa0\x80", "\xe2\x80\x9b", "\xe2\x90\x8a"})
        EXPECT_FALSE(path_problem(good)) << good;
    for (const char* bad : {"", "/a", "a//b", "a/", "../a", "a/../b", ".", "a/.", ".berth", ".berth/x", ".berth/names/x"})
        EXPECT_TRUE(path_problem(bad)) << printable(bad);
    EXPECT_TRUE(path_problem(std::string(701, 'a')));
    for (const char* sign : {"n", "\xff", "\n", "\\", "\xff" "a"}) { // no name that Linux has is too long
        std::string name;
        while (name.size() < 255) name += sign;
        EXPECT_FALSE(path_problem(name.substr(0, 255))) << printable(sign);
    }
    EXPECT_FALSE(path_problem("sub/.berth/x"));
    EXPECT_EQ(printable("a\n\xff"), "a??");
}

TEST(Filters, GitObjectsBeforeWhatRefersToThem)
{
    EXPECT_LT(upload_rank(".git/objects/ab/cd"), upload_rank(".git/config"));
    EXPECT_LT(upload_rank("p/.git/logs/HEAD.x"), upload_rank("p/.git/refs/heads/main"));
    EXPECT_EQ(upload_rank(".git/HEAD"), upload_rank("p/.git/HEAD"));
    EXPECT_TRUE(is_filtered_path("a/.git/index.lock"));
    EXPECT_FALSE(is_filtered_path("a/Cargo.lock"));
    EXPECT_FALSE(is_filtered_path("target/main.c"));
}

TEST(Plan, ManyDeletesOfFewOrFewOfManyPass)
{
    std::map<std::string, JournalFile> journal;
    TreeWalk walk;
    for (int i = 0; i < 100; ++i) {
        const auto name = "f" + std::to_string(i);
        journal[name] = {};
        if (i >= 50) walk.files[name] = {};
    }
    EXPECT_EQ(plan_sync(walk, journal, true).deletes.size(), 50u) << "exactly half is no accident yet";
    walk.files.erase("f99");
    EXPECT_EQ(plan_sync(walk, journal, true).held.size(), 51u);
    EXPECT_EQ(plan_sync(walk, journal, true, {.allowed = 51}).deletes.size(), 51u);
    EXPECT_EQ(plan_sync(walk, journal, true, {.allowed = 50}).held.size(), 51u);
    EXPECT_TRUE(plan_sync(walk, journal, false).deletes.empty());
    walk.complete = false;
    walk.files = {{"f1", {}}};
    EXPECT_TRUE(plan_sync(walk, journal, true).deletes.empty());
}

TEST(Plan, Names)
{
    const auto time = *parse_time("2026-11-21T08:34:00.123Z");
    EXPECT_EQ(conflict_name("a/b.tar.gz", time, "0a1b2c3d"), "a/b.tar.conflict-20261121T083400Z-0a1b2c.gz");
    EXPECT_EQ(conflict_name("a.d/Makefile", time, "x"), "a.d/Makefile.conflict-20261121T083400Z-x");
    EXPECT_EQ(conflict_name(".bashrc", time, "x"), ".bashrc.conflict-20261121T083400Z-x");
    EXPECT_EQ(trash_stamp(time), "2026-11-21/083400.123");
}

TEST(ManifestText, RoundTripsAndDropsWhatIsUnsafe)
{
    Manifest manifest;
    manifest.files["a"] = {.size = 1, .mode = 0755, .mtime = 5, .md5 = "x", .sha256 = "y"};
    manifest.links["l"] = "a";
    manifest.folders["e"] = 0755;
    EXPECT_EQ(parse_manifest(to_text(manifest)), manifest);
    manifest.links["../l"] = "a";
    manifest.folders["/e"] = 0755;
    const auto safe = parse_manifest(to_text(manifest));
    EXPECT_EQ(safe.links.size(), 1u);
    EXPECT_EQ(safe.folders.size(), 1u);
    EXPECT_THROW(parse_manifest("[]"), Error);
}

TEST(S3Messages, ClassFirstAndNoSecret)
{
    EXPECT_EQ(s3_cause("https response error StatusCode: 403, api error AccessDenied"), "S3Denied");
    EXPECT_EQ(s3_cause("dial tcp 127.0.0.1:1: connect: connection refused"), "S3Unreachable");
    EXPECT_EQ(s3_cause("NoSuchBucket: The specified bucket does not exist"), "NoSuchBucket");
    EXPECT_EQ(s3_cause("something else"), "S3Error");
    const auto text = s3_message("fs {secret_access_key:hunter22} failed hunter22", {"hunter22"});
    EXPECT_EQ(text.find("hunter22"), std::string::npos);
    EXPECT_LE(s3_message(std::string(5000, 'x'), {}).size(), 300u);
}

// W30
TEST(HealthRules, ThreeMissesAfterTheFirstSuccess)
{
    const HealthChecks good{true, true, false}, bad{true, false, false};
    Health health;
    for (int i = 0; i < 10; ++i) health = next_health(health, bad, Time{});
    EXPECT_EQ(health.status, HealthState::starting);
    health = next_health(health, good, Time{});
    EXPECT_EQ(health.status, HealthState::healthy);
    health = next_health(next_health(health, bad, Time{}), bad, Time{});
    EXPECT_EQ(health.status, HealthState::healthy);
    EXPECT_EQ(health.misses, 2);
    health = next_health(health, bad, Time{});
    EXPECT_EQ(health.status, HealthState::unhealthy);
    EXPECT_EQ(next_health(health, good, Time{}).status, HealthState::healthy);
}

TEST(UsageReaders, ProcFilesAndSamples)
{
    const auto before = parse_proc_stat("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n");
    const auto now = parse_proc_stat("cpu  150 0 150 900 0 0 0 0 0 0\n");
    ASSERT_TRUE(before && now);
    EXPECT_DOUBLE_EQ(cores_busy(*before, *now, 2), 1.0);
    EXPECT_FALSE(parse_proc_stat("nonsense"));
    const auto memory = parse_meminfo("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n");
    ASSERT_TRUE(memory);
    EXPECT_EQ(*memory, (MemoryInfo{1000 * 1024, 600 * 1024}));
    docker::ContainerStats stats;
    stats.memory_stats.usage = 50;
    stats.memory_stats.limit = 200;
    const CpuSample first{0, Tick{Duration{0}}}, second{500'000'000, Tick{Duration{1000}}};
    const auto usage = container_usage(stats, first, second);
    EXPECT_DOUBLE_EQ(usage.cpu, 0.5);
    EXPECT_DOUBLE_EQ(usage.memoryPercent, 25);
    EXPECT_DOUBLE_EQ(container_usage(stats, std::nullopt, second).cpu, 0);
}

TEST(NodeSettings, AWrongValueNamesItsVariable)
{
    auto lookup = [](std::map<std::string, std::string> values) -> EnvLookup {
        return [values](std::string_view name) -> std::optional<std::string> {
            const auto found = values.find(std::string(name));
            return found == values.end() ? std::nullopt : std::optional(found->second);
        };
    };
    const auto config =
        load_node_config(lookup({{"NODE_KEY", "k"}, {"SYNC_INTERVAL", "2s"}, {"BERTH_URL", "http://x:1/"}}));
    EXPECT_EQ(config.sync_interval, Duration{2000});
    EXPECT_EQ(config.berth_url, "http://x:1");
    for (const auto& [name, value] : std::map<std::string, std::string>{{"SYNC_INTERVAL", "soon"},
             {"BERTH_URL", "x y"}, {"LOG_LEVEL", "loud"}, {"DATA_DIR", "relative"},
             {"NODE_KEY_FILE", "/does/not/exist"}, {"TRASH_DAYS", "0"}}) {
        try {
            load_node_config(lookup({{"NODE_KEY", "k"}, {name, value}}));
            ADD_FAILURE() << name << " was accepted";
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
        }
        EXPECT_NE(node_help().find(name), std::string::npos);
    }
    EXPECT_THROW(load_node_config(lookup({})), Error);
}

TEST(ControlFiles, AreQuotedForTheShell)
{
    Workspace workspace;
    workspace.metadata.name = "abc";
    workspace.spec.vncPassword = Secret{"pass"};
    workspace.spec.env = {{"A", "it's $HOME"}};
    const auto files = control_files(workspace);
    EXPECT_EQ(files.at("vnc-password"), "pass\n");
    EXPECT_TRUE(files.at("env").ends_with("\nA='it'\\''s $HOME'\nBERTH_WORKSPACE_ID='abc'\n")) << files.at("env");
    const auto before = control_hash(files);
    workspace.spec.vncPassword = Secret{"other"};
    EXPECT_NE(control_hash(control_files(workspace)), before);
}

TEST(ContainerReports, FromInspect)
{
    docker::Container container;
    container.Id = "c1";
    container.State.Status = "exited";
    container.State.ExitCode = 137;
    container.State.StartedAt = "2026-01-01T00:00:00.5Z";
    container.State.FinishedAt = "0001-01-01T00:00:00Z";
    container.Config.Labels["dev.berth.incarnation"] = "7";
    container.NetworkSettings.Networks["berth-edge"].IPAddress = "10.0.0.5";
    auto report = to_report(container, "berth-edge");
    EXPECT_EQ(report.state, ContainerState::exited);
    EXPECT_EQ(report.incarnation, 7);
    EXPECT_FALSE(report.finishedAt);
    EXPECT_EQ(report.address, "");
    container.State.Running = true;
    container.NetworkSettings.Networks["another"].IPAddress = "10.9.9.9";
    EXPECT_EQ(to_report(container, "berth-edge").address, "10.0.0.5");
}

} // namespace
} // namespace berth
