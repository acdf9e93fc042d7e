// Files between a folder and S3 as berth-node moves them, against a real S3 server.
// Usage: bench_files restore|save|edit|hour ENDPOINT BUCKET PREFIX FOLDER; the keys are AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY. FOLDER/volume is the workspace's folder, FOLDER/journal what is known of it.
// Prints one JSON line: {"milliseconds", "requests", "requestsInAll", "files"}; the last one with what came
// before.
//   restore  the prefix into an empty folder
//   save     the final sync of a folder into a prefix that has nothing
//   edit     one file is changed and a round runs
//   hour     what an hour without a change does: 240 rounds, of which 6 compare

#include "controller/base/clock.hpp"
#include "node/s3_store.hpp"
#include "node/sync.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using namespace berth;

constexpr int kRounds = 240;
constexpr int kCompareEach = 40;

S3Source source_of(char** arguments)
{
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        if (!value) throw std::runtime_error(std::string(name) + " is not set");
        return std::string(value);
    };
    S3Source source;
    source.endpoint = arguments[0];
    source.bucket = arguments[1];
    source.prefix = arguments[2];
    source.accessKeyId = variable("AWS_ACCESS_KEY_ID");
    source.secretAccessKey = Secret{variable("AWS_SECRET_ACCESS_KEY")};
    return source;
}

/// Owns all parts; one per run.
struct Files {
    Files(S3Source source, const std::string& folder)
        : rclone(io.get_executor(), clock, {.folder = folder}),
          store(client, rclone, servers, std::move(source)),
          journal(folder + "/journal"),
          context{.root = folder + "/volume",
              .writer = "bench",
              .journal = journal,
              .store = store,
              .clock = clock,
              .work = pool.get_executor(),
              .stop = stop,
              .status = status}
    {}
    ~Files()
    {
        pool.stop();
        pool.join();
    }

    void run(awaitable<> work)
    {
        std::exception_ptr failure;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) { failure = error; });
        io.restart();
        io.run();
        if (failure) std::rethrow_exception(failure);
    }
    void sync(SyncRound round) { run(sync_files(context, round)); }

    asio::io_context io;
    asio::thread_pool pool{2};
    SystemClock clock;
    S3Client client{clock};
    Rclone rclone;
    S3Servers servers{io.get_executor()};
    S3Store store;
    SyncJournal journal;
    SyncStatus status;
    std::atomic<bool> stop{false};
    SyncContext context;
};

void hour(Files& files)
{
    for (int i = 0; i < kRounds; ++i) files.sync({.compare = i % kCompareEach == 0});
}

void edit(Files& files)
{
    const auto path = files.context.root + "/edited";
    std::ofstream(path, std::ios::app) << "one line more\n";
    files.sync({});
}

int run(const std::string& what, S3Source source, const std::string& folder)
{
    std::filesystem::create_directories(folder + "/volume");
    Files files(std::move(source), folder);
    // An agent finds out once whether a server honours conditions.
    auto probe = [](ObjectStore& store) -> awaitable<> { co_await store.conditional(); };
    files.run(probe(files.store));
    const bool fresh = files.journal.fact(kRestoredFact).empty();
    if (what != "restore" && fresh) files.run(restore_files(files.context)); // of an empty prefix
    if (what == "edit" || what == "hour") files.sync({});                    // nothing is left to do
    const auto before = files.store.requests();
    const auto start = std::chrono::steady_clock::now();
    if (what == "restore") files.run(restore_files(files.context));
    if (what == "save") files.sync({.final = true});
    if (what == "edit") edit(files);
    if (what == "hour") hour(files);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    std::cout << R"({"milliseconds":)" << took.count() << R"(,"requests":)" << files.store.requests() - before
              << R"(,"requestsInAll":)" << files.store.requests() << R"(,"files":)"
              << files.journal.files().size() << "}" << std::endl;
    return 0;
}

} // namespace

int main(int count, char** arguments)
{
    if (count != 6) {
        std::cerr << "usage: bench_files restore|save|edit|hour ENDPOINT BUCKET PREFIX FOLDER\n";
        return 2;
    }
    try {
        return run(arguments[1], source_of(arguments + 2), arguments[5]);
    } catch (const std::exception& error) {
        std::cerr << "bench_files: " << error.what() << "\n";
        return 1;
    }
}
