#pragma once
// What the benchmark programs that use Berth's own parts share: an event loop with a database thread, and
// workspaces.

#include "api/types/workspace.hpp"
#include "controller/base/async.hpp"
#include "storage/store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstdio>
#include <cstdlib>

namespace berth::bench {

/// Runs `main` on an event loop of its own, with one database thread as in berthd; gives the exit code.
template <class Main> int run(Main main)
{
    asio::thread_pool db{1};
    asio::io_context io{1};
    std::exception_ptr failure;
    auto done = [&](std::exception_ptr thrown) {
        failure = thrown;
        io.stop(); // a server in the background has nothing to save
    };
    asio::co_spawn(io, main(Executor{io.get_executor()}, Executor{db.get_executor()}), std::move(done));
    io.run();
    db.join();
    if (failure) std::fprintf(stderr, "%s\n", describe(failure).c_str());
    return failure ? 1 : 0;
}

/// "w0000042".
inline std::string workspace_name(std::int64_t number)
{
    char text[16];
    std::snprintf(text, sizeof text, "w%07lld", static_cast<long long>(number % 10'000'000));
    return text;
}

/// About what a real one holds (1.4 KB as text), without a reconciler's work.
inline Workspace make_workspace(std::int64_t number, Phase phase, const std::string& address = "")
{
    Workspace workspace;
    workspace.metadata.org = "default";
    workspace.metadata.name = workspace_name(number);
    auto& spec = workspace.spec;
    spec.s3.bucket = "bucket-" + std::to_string(number % 100);
    spec.s3.prefix = "users/" + workspace.metadata.name;
    spec.env = {{"EDITOR", "vim"}, {"LANG", "C.UTF-8"}};
    spec.vncPassword = Secret{"benchpwd"};
    spec.desiredState = phase == Phase::stopped ? DesiredState::stopped : DesiredState::running;
    auto& status = workspace.status;
    status.phase = phase;
    status.observedGeneration = 1;
    status.serviceName = service_name(workspace.metadata.name);
    status.address = address;
    status.message = "The workspace is as it should be.";
    return workspace;
}

} // namespace berth::bench
