#include "tests/sim/users.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

namespace berth::sim {

namespace {

constexpr std::size_t kMostWorkspaces = 4;

HttpRequest request(std::string method, std::string target, std::string body = "")
{
    HttpRequest made;
    made.method = std::move(method);
    made.target = std::move(target);
    made.body = std::move(body);
    if (!made.body.empty()) made.headers.set("Content-Type", "application/json");
    return made;
}

/// Writes as an editor does; the time is the run's own, and no two writes have the same.
void write_at(const std::string& path, const std::string& text, Time now, std::uint64_t number)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    const auto rest = std::chrono::nanoseconds(now - seconds).count() + long(number % 1'000'000);
    const ::timespec times[2] = {
        {seconds.time_since_epoch().count(), rest}, {seconds.time_since_epoch().count(), rest}};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
}

} // namespace

void Users::begin(Tick end)
{
    program_.spawn(people(end));
    program_.spawn(accidents(end));
}

std::string Users::any_workspace(Dice& dice)
{
    const auto drawn = dice.below(1'000'000);
    if (promises.empty()) return "";
    return std::next(promises.begin(), std::ptrdiff_t(drawn % promises.size()))->first;
}

awaitable<> Users::people(Tick end)
{
    auto& clock = world_.clock();
    while (clock.tick() < end) {
        co_await clock.sleep(dice_.between(Duration{50}, Duration{12'000}));
        ++calls;
        try {
            co_await one_call();
        } catch (const Error& error) {
            world_.note(std::string("user: ") + error.what());
        }
    }
}

awaitable<> Users::one_call()
{
    const auto drawn = dice_.below(100);
    const auto workspace = any_workspace(dice_);
    if (drawn < 20 && promises.size() < kMostWorkspaces) {
        start_together();
        co_return co_await start_new(++calls);
    }
    if (workspace.empty()) co_return;
    if (drawn < 56) co_return write_file(workspace);
    if (drawn < 60) co_return edit_together(workspace);
    if (drawn < 72) co_return co_await ask(workspace, Promise::Want::Stopped);
    if (drawn < 90) co_return co_await ask(workspace, Promise::Want::Running);
    if (drawn < 94) co_return co_await ask(workspace, Promise::Want::Deleted);
    co_await api_.send(request("POST", "/api/containers/" + workspace + (drawn < 97 ? "/sync" : "/restart")));
}

awaitable<> Users::start_new(std::uint64_t number)
{
    const auto prefix = "p" + std::to_string(number);
    auto start =
        request("POST", "/api/containers/start", R"({"s3Bucket":"demo","s3Prefix":")" + prefix + R"("})");
    start.headers.set("Idempotency-Key", "start-" + std::to_string(number));
    for (int attempt = 0; attempt < 20; ++attempt) {
        auto again = start;
        std::optional<HttpResponse> response;
        try {
            response = co_await api_.send(std::move(again));
        } catch (const Error&) {
        }
        if (response && response->status == 201) {
            const auto id = std::string(json::parse(response->body).at("id").as_string());
            if (const auto known = promises.find(id); known != promises.end())
                world_.violated(
                    "I3 one-owner", id + " was given to " + known->second.prefix + " and to " + prefix);
            promises[id] = {Promise::Want::Running, prefix};
            co_return;
        }
        if (response && response->status < 500)
            world_.violated("a start is understood", std::to_string(response->status) + " " + response->body);
        co_await world_.clock().sleep(dice_.between(Duration{100}, Duration{3'000}));
    }
}

awaitable<> Users::ask(std::string workspace, Promise::Want want)
{
    auto& promise = promises.at(workspace);
    if (promise.want == Promise::Want::Deleted) co_return;
    promise.want = Promise::Want::Unknown;
    auto call = want == Promise::Want::Running ? request("POST", "/api/containers/" + workspace + "/start")
                : want == Promise::Want::Stopped
                    ? request("DELETE", "/api/containers/" + workspace)
                    : request("DELETE", "/api/v1/orgs/default/workspaces/" + workspace);
    const auto response = co_await api_.send(std::move(call));
    if (response.status < 300)
        promise.want = want;
    else
        throw Error{Errc::Internal, workspace + " " + std::to_string(response.status) + " " + response.body};
}

awaitable<> Users::insist(std::string workspace, Promise::Want want)
{
    for (;;) {
        std::string problem;
        try {
            co_await ask(workspace, want);
        } catch (const Error& error) {
            problem = error.what();
        }
        if (promises.at(workspace).want == want || promises.at(workspace).want == Promise::Want::Deleted)
            co_return;
        if (problem.find(" 404 ") != std::string::npos) {
            promises.at(workspace).want = Promise::Want::Deleted;
            co_return;
        }
        co_await world_.clock().sleep(Duration{500});
    }
}

/// Somebody works in a workspace: only where a container runs can anything be written.
void Users::write_file(const std::string& workspace)
{
    const auto containers = world_.containers_of(workspace);
    const bool running =
        std::any_of(containers.begin(), containers.end(), [](const auto& one) { return one.State.Running; });
    const auto folder = world_.volume_folder(files_volume_name(workspace));
    if (!running || !std::filesystem::exists(folder)) return;
    const auto name = "f" + std::to_string(dice_.below(6));
    const auto text =
        workspace + " " + name + " version " + std::to_string(++written) + std::string(dice_.below(200), '.');
    write_at(folder + "/" + name, text, world_.clock().now(), written);
    promises.at(workspace).files[name] = text;
    world_.note("user writes " + workspace + "/" + name + " version " + std::to_string(written));
}

awaitable<> Users::accidents(Tick end)
{
    auto& clock = world_.clock();
    while (clock.tick() < end) {
        co_await clock.sleep(luck_.between(Duration{500}, Duration{20'000}));
        one_accident();
    }
}

/// What an accident began ends by itself.
awaitable<> Users::for_a_while(Duration lasts, std::function<void()> end)
{
    co_await world_.clock().sleep(lasts);
    end();
}

void Users::one_accident()
{
    static const Faults::Names names{"a container is killed", "a service is removed by hand",
        "events are cut", "events are not sent", "restarted", "away", "a service is changed by hand",
        "restarted, and its first lists are empty"};
    auto& faults = world_.faults;
    if (const auto drawn = faults.pick("engine", names, 8)) {
        auto& dice = faults.dice("engine");
        const auto lasts = dice.between(Duration{1'000}, Duration{60'000});
        const auto workspace = any_workspace(dice);
        world_.note("accident in the engine: " + std::string(names[*drawn]) + ", " + workspace);
        if (*drawn == 0) world_.engine.kill_tasks("ws-" + workspace);
        if (*drawn == 1 && world_.engine.service("ws-" + workspace))
            world_.engine.remove_service_by_hand("ws-" + workspace);
        if (*drawn == 2) world_.engine.cut_events();
        if (*drawn == 3) {
            world_.engine.lose_events(true);
            program_.spawn(for_a_while(lasts, [this] { world_.engine.lose_events(false); }));
        }
        if (*drawn == 4) world_.engine.restart();
        if (*drawn == 5) {
            world_.engine_up = false;
            program_.spawn(for_a_while(lasts, [this] { world_.engine_up = true; }));
        }
        if (*drawn == 6) program_.spawn(change_by_hand(workspace));
        if (*drawn == 7) {
            world_.engine.restart();
            world_.engine.cut_events();
            world_.engine_up = false;
            const auto blank = dice.between(Duration{0}, Duration{1'500});
            program_.spawn(for_a_while(Duration{2'000}, [this, blank] {
                world_.engine_up = true;
                world_.views.empty_until = world_.clock().tick() + blank;
            }));
        }
        world_.engine_touched();
    }
    // A program that is killed comes back after a while; its own frames are not on this stack.
    if (faults.strikes("berthd", "killed", 8))
        world_.kill_controller();
    else if (!world_.controller && luck_.chance(700))
        world_.start_controller();
    if (faults.strikes("node", "killed", 8))
        world_.kill_agent();
    else if (!world_.agent && luck_.chance(700))
        world_.start_agent();
}

} // namespace berth::sim
