#include "tests/sim/clients.hpp"

namespace berth::sim {

namespace {

constexpr int kClients = 3;
constexpr std::uint64_t kKeys = 2; ///< few, so that they meet
constexpr Duration kPatience = std::chrono::seconds{10};
const std::string kTemplates = "/api/v1/orgs/default/workspacetemplates";

HttpRequest request_of(const Operation& one, const std::string& key)
{
    HttpRequest request;
    request.target = kTemplates + "/" + key;
    request.deadline = kPatience;
    if (!one.expected.empty()) request.headers.set("If-Match", '"' + one.expected + '"');
    static constexpr const char* kMethods[] = {"GET", "PUT", "PUT", "PATCH", "DELETE"};
    request.method = kMethods[int(one.verb)];
    if (one.verb == Operation::Verb::Create) request.headers.set("If-None-Match", "*");
    if (one.value.empty()) return request;
    json::object body{{"spec", json::object{{"image", "shared:1"}, {"description", one.value}}}};
    if (one.verb != Operation::Verb::Patch) body["metadata"] = json::object{{"name", key}};
    request.headers.set("Content-Type",
        one.verb == Operation::Verb::Patch ? "application/merge-patch+json" : "application/json");
    request.body = json::serialize(body);
    return request;
}

void read_object(const json::object& object, std::string& value, std::string& version)
{
    value = std::string(object.at("spec").at("description").as_string());
    version = std::string(object.at("metadata").at("resourceVersion").as_string());
}

Operation::Answer answer_of(unsigned status)
{
    if (status == 404) return Operation::Answer::Absent;
    if (status == 409) return Operation::Answer::Refused;
    return status < 300 ? Operation::Answer::Ok : Operation::Answer::Unknown;
}

} // namespace

Clients::Clients(World& world)
    : world_(world),
      program_(world.scheduler, "client"),
      dice_(world.seed, "clients"),
      api_(world, program_, std::string(kUserKey)),
      canaries_(world)
{
    world_.committed = [this](const Change& change) {
        log_.add(change);
        canaries_.learn(change);
    };
    world_.opened = [this](Revision told, Revision at) { log_.opened(told, at); };
    for (const auto* plural : {"workspacetemplates", "workspaces"})
        watchers_.push_back(std::make_unique<Watcher>(world_, program_, log_, canaries_, plural));
}

Clients::~Clients()
{
    world_.committed = [](const Change&) {};
    world_.opened = [](Revision, Revision) {};
    program_.kill();
}

void Clients::begin(Tick end)
{
    for (int number = 0; number < kClients; ++number) program_.spawn(use(number, end));
    for (auto& watcher : watchers_) program_.spawn(watcher->run());
}

awaitable<> Clients::use(int number, Tick end)
{
    const auto name = "client-" + std::to_string(number);
    while (world_.clock().tick() < end) {
        co_await one_call(name);
        // Now and then all of them at once.
        const bool soon = dice_.chance(300);
        const auto pause =
            soon ? dice_.between(Duration{0}, Duration{20}) : dice_.between(Duration{100}, Duration{9'000});
        co_await world_.clock().sleep(pause);
    }
}

Operation Clients::drawn(const std::string& client, const std::string& key)
{
    using Verb = Operation::Verb;
    const auto drawn = dice_.below(100);
    Operation one{.client = client, .at = world_.clock().tick()};
    one.verb = drawn < 30   ? Verb::Get
               : drawn < 48 ? Verb::Create
               : drawn < 58 ? Verb::Put
               : drawn < 86 ? Verb::Patch
                            : Verb::Delete;
    const bool writes = one.verb != Verb::Get && one.verb != Verb::Delete;
    if (writes) one.value = client + "-" + std::to_string(++written_);
    const bool conditional = dice_.chance(700);
    if (one.verb != Verb::Get && one.verb != Verb::Create && conditional) one.expected = versions_[key];
    return one;
}

awaitable<> Clients::one_call(std::string client)
{
    if (dice_.chance(80)) co_return co_await list(std::move(client));
    const auto key = "shared-" + std::to_string(dice_.below(kKeys));
    auto operation = drawn(client, key);
    auto request = request_of(operation, key);
    co_await ask(key, std::move(operation), std::move(request));
}

awaitable<> Clients::ask(std::string key, Operation operation, HttpRequest request)
{
    const auto begun = world_.clock().tick();
    const auto number = history_.call(key, std::move(operation));
    auto answer = Operation::Answer::Unknown;
    std::string problem;
    try {
        const auto response = co_await api_.send(std::move(request));
        answer = answer_of(response.status);
        if (answer == Operation::Answer::Unknown && response.status < 500) problem = response.body;
        auto& one = history_.at(key, number);
        if (answer == Operation::Answer::Ok && one.verb != Operation::Verb::Delete) {
            const auto written = one.value;
            read_object(json::parse(response.body).as_object(), one.value, one.version);
            versions_[key] = one.version;
            if (!written.empty() && one.value != written) problem = "answered with " + one.value;
        }
    } catch (const Error&) { // whether it was done is not known
    }
    if (!problem.empty())
        world_.violated("I-linearizable a-write-is-answered-with-itself",
            describe(history_.at(key, number)) + " " + problem);
    // Who waited for as long as he could does not know either whether it still goes on.
    const bool open = answer == Operation::Answer::Unknown && world_.clock().tick() - begun >= kPatience;
    history_.answer(key, number, answer, open);
}

/// One list is a read of each key.
awaitable<> Clients::list(std::string client)
{
    std::map<std::string, std::size_t> numbers;
    for (std::uint64_t i = 0; i < kKeys; ++i) {
        const auto key = "shared-" + std::to_string(i);
        numbers[key] = history_.call(key, {.client = client, .at = world_.clock().tick()});
    }
    HttpRequest request;
    request.target = kTemplates;
    request.deadline = kPatience;
    std::optional<HttpResponse> response;
    try {
        response = co_await api_.send(std::move(request));
    } catch (const Error&) {
    }
    std::map<std::string, json::object> found;
    const bool told = response && response->status == 200;
    if (told) {
        const auto body = json::parse(response->body);
        for (const auto& item : body.at("items").as_array())
            found[std::string(item.at("metadata").at("name").as_string())] = item.as_object();
    }
    for (const auto& [key, number] : numbers) {
        auto& one = history_.at(key, number);
        const auto object = found.find(key);
        if (object != found.end()) read_object(object->second, one.value, one.version);
        const auto answer = !told                   ? Operation::Answer::Unknown
                            : object != found.end() ? Operation::Answer::Ok
                                                    : Operation::Answer::Absent;
        history_.answer(key, number, answer);
    }
}

void Clients::at_rest()
{
    if (const auto problem = history_.contradiction(); !problem.empty())
        throw Violation("I-linearizable reads-and-writes-are-linearizable", problem);
    for (const auto& watcher : watchers_) watcher->at_rest();
    canaries_.at_rest();
}

} // namespace berth::sim
