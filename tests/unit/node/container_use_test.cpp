// What containers use: read from the kernel's files, whatever they hold, and asked of the engine only where
// that fails.

#include "node/cgroup_files.hpp"
#include "node/container_meter.hpp"
#include "node/usage.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include <unistd.h>

namespace berth {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMachine = 8ULL << 30;

const std::string kFirstCgroups = "12:pids:/docker/abc\n5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n"
                                  "1:name=systemd:/docker/abc\n0::/system.slice/containerd.service\n";
const std::string kFirstMounts =
    "700 690 0:60 / / rw,relatime master:9 - overlay overlay rw,lowerdir=/a:/b\n"
    "701 700 0:61 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755\n"
    "702 701 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,relatime master:12 - cgroup cgroup "
    "rw,cpu,cpuacct\n"
    "703 701 0:31 /docker/abc /sys/fs/cgroup/memory ro,relatime master:13 shared:4 - cgroup cgroup "
    "rw,memory\n"
    "704 701 0:32 /docker/abc /sys/fs/cgroup/unified ro,relatime - cgroup2 cgroup2 rw\n";

std::string second_mount(const std::string& root)
{
    return "690 600 0:50 / / rw - overlay overlay rw\n"
           "701 690 0:26 " +
           root + " /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n";
}

TEST(CgroupFolders, OfTheFirstVersionAreOnePerController)
{
    const CgroupFolders expected{false, "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/memory"};
    EXPECT_EQ(find_cgroup_folders(kFirstCgroups, kFirstMounts), expected);
    // An engine that shows the container the whole hierarchy.
    const auto whole = "1 0 0:30 / /cg/acct ro - cgroup cgroup rw,cpuacct\n2 0 0:31 / /cg/mem ro - cgroup "
                       "cgroup rw,memory\n";
    const CgroupFolders inside{false, "cg/acct/docker/abc", "cg/mem/docker/abc"};
    EXPECT_EQ(find_cgroup_folders(kFirstCgroups, whole), inside);
}

TEST(CgroupFolders, OfTheSecondVersionAreOne)
{
    const auto found = [](const std::string& path, const std::string& root) {
        const auto folders = find_cgroup_folders("0::" + path + "\n", second_mount(root));
        EXPECT_TRUE(!folders || (folders->unified && folders->cpu == folders->memory));
        return folders ? folders->memory : "none";
    };
    EXPECT_EQ(found("/system.slice/docker-abc.scope", "/system.slice/docker-abc.scope"), "sys/fs/cgroup");
    EXPECT_EQ(found("/../docker-abc.scope", "/../docker-abc.scope"), "sys/fs/cgroup")
        << "seen from a namespace beside it";
    EXPECT_EQ(found("/docker/abc", "/"), "sys/fs/cgroup/docker/abc");
    EXPECT_EQ(found("/../abc", "/.."), "sys/fs/cgroup/abc");
    EXPECT_EQ(found("/", "/"), "sys/fs/cgroup");
    EXPECT_EQ(found("/../abc", "/../.."), "none") << "the name of the folder between is not told";
    EXPECT_EQ(found("/../../abc", "/.."), "none");
    EXPECT_EQ(found("/docker/abcd", "/docker/abc"), "none") << "another one with a longer name";
    EXPECT_EQ(found("/other", "/docker/abc"), "none");
}

TEST(CgroupFolders, TheLastMountCountsAndBlanksAreSpelled)
{
    const auto mounts =
        second_mount("/abc") + R"(9 0 0:26 /abc /my\040cgroup\134s ro - cgroup2 cgroup rw)" + "\n";
    EXPECT_EQ(find_cgroup_folders("0::/abc\n", mounts)->memory, R"(my cgroup\s)");
}

TEST(CgroupFolders, NothingComesOfNonsense)
{
    for (const std::string text : {"", "\n\n", ":", "::", "0::", "a b c d e f - cgroup2", "0::/abc",
             " - - - - - - - - - ", "1 2 3 / / ro - cgroup2 c rw", R"(1 2 3 / \ ro - cgroup2 c rw)",
             R"(1 2 3 / \77 ro - cgroup2 c rw)"}) {
        EXPECT_FALSE(find_cgroup_folders(text, text)) << text;
        EXPECT_FALSE(find_cgroup_folders(kFirstCgroups, text)) << text;
        EXPECT_FALSE(find_cgroup_folders(text, kFirstMounts)) << text;
    }
    std::mt19937 random{3}; // NOLINT: the same texts each time
    const auto pieces = std::vector<std::string>{"0", ":", "/", "..", " ", "-", "cgroup2", "cgroup", "memory",
        "cpuacct", ",", "\n", "\\0", "\\040", std::string(1, '\0'), "\xff", "abc",
        "1 2 0:3 / /m ro - cgroup2 c rw\n", "0::/abc\n"};
    int found = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string texts[2];
        for (auto& text : texts)
            for (int part = 0; part < 12; ++part) text += pieces[random() % pieces.size()];
        const auto folders = find_cgroup_folders(texts[0], texts[1]);
        if (!folders) continue;
        ++found;
        for (const auto& folder : {folders->cpu, folders->memory}) {
            const auto path = "/" + folder + "/";
            EXPECT_TRUE(path.find("/../") == std::string::npos && path.find("//") == std::string::npos)
                << path;
        }
    }
    EXPECT_GT(found, 0) << "nothing is known of what is taken";
}

TEST(CgroupTexts, SayWhatTheEngineSays)
{
    const CgroupTexts first{"1500000000\n", "104857600\n", "536870912\n",
        "cache 5\ninactive_file 7\ntotal_cache 1\ntotal_inactive_file 4857600\n"};
    const CgroupTexts second{"usage_usec 1500000\nuser_usec 1\n", "104857600\n", "536870912\n",
        "anon 1\nfile 2\ninactive_file 4857600\n"};
    for (const bool unified : {false, true}) {
        const auto stats = read_cgroup_texts(unified, unified ? second : first, kMachine);
        ASSERT_TRUE(stats);
        EXPECT_EQ(stats->cpu_stats.cpu_usage.total_usage, 1'500'000'000u);
        EXPECT_EQ(stats->memory_stats.limit, 512u << 20);
        const CpuSample before{500'000'000, Tick{seconds{5}}},
            now{stats->cpu_stats.cpu_usage.total_usage, Tick{seconds{10}}};
        const auto usage = container_usage(*stats, before, now);
        EXPECT_EQ(usage.memory, 100'000'000) << "files that are only read are not counted";
        EXPECT_DOUBLE_EQ(usage.memoryPercent, 100.0 * 100'000'000 / (512 << 20));
        EXPECT_DOUBLE_EQ(usage.cpu, 0.2);
    }
}

TEST(CgroupTexts, NoLimitMeansTheMachines)
{
    const CgroupTexts first{"1\n", "2\n", "9223372036854771712\n", ""};
    EXPECT_EQ(read_cgroup_texts(false, first, kMachine)->memory_stats.limit, kMachine);
    const CgroupTexts second{"usage_usec 1\n", "2\n", "max\n", ""};
    EXPECT_EQ(read_cgroup_texts(true, second, kMachine)->memory_stats.limit, kMachine);
    EXPECT_EQ(docker::used_memory(read_cgroup_texts(true, second, kMachine)->memory_stats), 2u);
}

TEST(CgroupTexts, NothingComesOfNonsense)
{
    const CgroupTexts good[]{{"1\n", "2\n", "3\n", "total_inactive_file 1\n"},
        {"usage_usec 1\n", "2\n", "3\n", "inactive_file 1\n"}};
    for (const bool unified : {false, true}) {
        ASSERT_TRUE(read_cgroup_texts(unified, good[unified], kMachine));
        for (auto member : {&CgroupTexts::cpu, &CgroupTexts::memory, &CgroupTexts::limit})
            for (const char* text :
                {"", "\n", "-1\n", "1 2\n", "x", "0x10\n", "99999999999999999999999\n", "usage_usec\n",
                    "usage_usec x\n", "usage_usec -1\n", "usage_usec 18446744073709551615\n", "max"}) {
                auto texts = good[unified];
                texts.*member = text;
                EXPECT_FALSE(read_cgroup_texts(unified, texts, kMachine)) << text;
            }
        auto texts = good[unified];
        texts.memory_stat = "inactive_file\ntotal_inactive_file x\ninactive_filer 1";
        EXPECT_EQ(docker::used_memory(read_cgroup_texts(unified, texts, kMachine)->memory_stats), 2u);
    }
    const CgroupTexts of_the_other{"1\n", "2\n", "max\n", ""};
    EXPECT_FALSE(read_cgroup_texts(false, of_the_other, kMachine));
}

/// As on a node: of the process that this test is.
TEST(CgroupStats, AreThoseOfTheKernel)
{
    const ContainerRoot root("/proc", ::getpid(), "/proc/self/ns/net");
    if (!find_cgroup_folders(root.about_process("cgroup"), root.about_process("mountinfo")))
        GTEST_SKIP() << "no cgroups are mounted here";
    const auto stats = cgroup_stats(root);
    EXPECT_GT(stats.cpu_stats.cpu_usage.total_usage, 0u);
    EXPECT_GT(stats.memory_stats.usage, 0u);
    EXPECT_LE(stats.memory_stats.usage, stats.memory_stats.limit);
}

/// A node whose containers can be looked into, or not.
struct FakeWorld final : NodeWorld {
    void start(TaskGroup&) override {}
    std::unique_ptr<Walls> build_walls(docker::Client&, Inventory&) override { return nullptr; }
    std::unique_ptr<ObjectStore> open_store(S3Source) override { return nullptr; }
    awaitable<HealthChecks> probe(std::string, Duration) override { co_return HealthChecks{}; }
    awaitable<> open_editor(std::string, Duration) override { co_return; }
    MachineUsage measure() override { return {}; }
    void watch_folder(int, const std::shared_ptr<FolderActivity>&) override {}
    awaitable<docker::ContainerStats> container_use(std::int64_t pid, std::string) override
    {
        if (!readable) throw Error{Errc::NotFound, "no cgroups"};
        docker::ContainerStats stats;
        stats.memory_stats.usage = static_cast<std::uint64_t>(pid);
        co_return stats;
    }
    bool readable = true;
};

class Meter : public testing::Test {
protected:
    /// What a workspace's agent does.
    awaitable<> watch(std::string id, std::int64_t pid)
    {
        while (true) {
            try {
                const auto stats = co_await meter.measure(id, pid, "/netns");
                seen[id].push_back(stats.memory_stats.usage);
            } catch (const Error&) {
                ++refused; // this engine has no such container
            }
            co_await clock.sleep(seconds{10});
        }
    }
    void watch_many(int count, Duration time)
    {
        for (int i = 1; i <= count; ++i) tasks.spawn("watch", watch("c" + std::to_string(100 + i), i));
        clock.run(io, time);
    }
    std::size_t asked(const std::string& id) const { return engine.calls("GET /containers/" + id); }
    void TearDown() override
    {
        tasks.cancel();
        settle(io);
    }

    asio::io_context io;
    FakeClock clock;
    FakeEngine engine{io.get_executor(), clock};
    docker::Client docker{engine, clock};
    FakeWorld world;
    ContainerMeter meter{world, docker, clock};
    TaskGroup tasks{io.get_executor()};
    std::map<std::string, std::vector<std::uint64_t>> seen;
    int refused = 0;
};

// W36
TEST_F(Meter, AsksTheEngineNothingWhileTheKernelTells)
{
    watch_many(20, seconds{60});
    EXPECT_EQ(asked(""), 0u);
    ASSERT_EQ(seen.size(), 20u);
    EXPECT_THAT(seen["c103"], testing::AllOf(testing::SizeIs(testing::Ge(6u)), testing::Each(3u)));
}

TEST_F(Meter, AsksTheEngineForOneInThreeSecondsWhereItDoesNot)
{
    world.readable = false;
    watch_many(20, seconds{180});
    EXPECT_LE(asked(""), 61u);
    EXPECT_GE(asked(""), 55u);
    for (int i = 1; i <= 20; ++i)
        EXPECT_GE(asked("c" + std::to_string(100 + i)), 2u) << "everybody has a turn: " << i;
    EXPECT_EQ(refused, static_cast<int>(asked("")));
}

} // namespace
} // namespace berth
