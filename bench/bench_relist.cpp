// A relist of N services of an engine in memory: how many Docker calls, and how long against only parsing the
// same JSON. Usage: bench_relist SERVICES ROUNDS. Prints one JSON line:
// {"services","tasks","calls":[…],"relist_ms":[…],"parse_ms":[…],"bytes"} with one entry per round.

#include "bench/bench_support.hpp"
#include "docker/observed.hpp"
#include "tests/fakes/fake_engine.hpp"

#include <iostream>

namespace {

using namespace berth;
using Steady = std::chrono::steady_clock;

/// The engine answers from prepared texts, so that what is measured is Berth's half. The fake's own work to
/// make the texts is done before.
class Recorded final : public Transport {
public:
    explicit Recorded(Transport& engine) : engine_(engine) {}
    awaitable<HttpResponse> send(HttpRequest request) override
    {
        ++calls;
        const auto known = answers_.find(request.target);
        if (known != answers_.end()) co_return known->second;
        auto answer = co_await engine_.send(request);
        if (answer.status == 200) answers_.emplace(request.target, answer);
        co_return answer;
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override
    {
        return engine_.stream(std::move(request));
    }
    std::string host() const override { return "recorded"; }
    void forget() { answers_.clear(); }
    const std::map<std::string, HttpResponse>& answers() const { return answers_; }

    std::size_t calls = 0;

private:
    Transport& engine_;
    std::map<std::string, HttpResponse> answers_;
};

docker::ServiceSpec make_service(std::int64_t number)
{
    docker::ServiceSpec spec;
    const auto name = bench::workspace_name(number);
    spec.Name = service_name(name);
    spec.Labels = {{std::string(kInstallLabel), "bench"}, {std::string(kKindLabel), "Workspace"},
        {std::string(kOrgLabel), "default"}, {std::string(kNameLabel), name}};
    spec.TaskTemplate.ContainerSpec.Image = "berth/workspace:bench";
    spec.TaskTemplate.ContainerSpec.Labels = spec.Labels;
    return spec;
}

double since_ms(Steady::time_point start)
{
    return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

awaitable<> relist(Executor io, std::int64_t count, int rounds)
{
    SystemClock clock;
    FakeEngine engine{io, clock, {}};
    Recorded transport{engine};
    docker::Client client{transport, clock};
    for (std::int64_t i = 0; i < count; ++i) co_await client.create_service(make_service(i));
    engine.run_tasks();

    docker::Observed observed{io, clock, client};
    transport.forget(); // what was read on the way is old
    co_await observed.relist_now();
    json::array calls, took, parsed;
    std::size_t bytes = 0;
    for (int round = 0; round < rounds; ++round) {
        transport.calls = 0;
        auto start = Steady::now();
        co_await observed.relist_now();
        took.emplace_back(since_ms(start));
        calls.emplace_back(transport.calls);
        start = Steady::now();
        bytes = 0;
        for (const auto& [target, answer] : transport.answers()) {
            const auto value = json::parse(answer.body);
            if (!value.is_null()) bytes += answer.body.size(); // uses the value, so that it is really made
        }
        parsed.emplace_back(since_ms(start));
    }
    std::cout << json::serialize(json::object{{"services", observed.services().size()},
                     {"tasks", observed.tasks().size()}, {"calls", calls}, {"relist_ms", took},
                     {"parse_ms", parsed}, {"bytes", bytes}})
              << std::endl;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 3) return 2;
    auto main = [&](Executor io, Executor) { return relist(io, std::atoll(argv[1]), std::atoi(argv[2])); };
    return berth::bench::run(main);
}
