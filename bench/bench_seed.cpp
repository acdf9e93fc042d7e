// Fills a folder of berthd's with objects, straight through the store.
// Usage: bench_seed FOLDER workspaces|workspacetemplates COUNT. Adds until there are COUNT of the kind.
// Prints one JSON line: {"objects","bytes"} (bytes: the JSON texts of the kind).

#include "api/types/workspace_template.hpp"
#include "bench/bench_support.hpp"

#include <iostream>

namespace {

using namespace berth;

WorkspaceTemplate make_template(std::int64_t number)
{
    WorkspaceTemplate made;
    made.metadata.org = "default";
    made.metadata.name = bench::workspace_name(number);
    made.spec.image = "registry.example/images/workspace:" + std::to_string(number);
    made.spec.description = "One of many templates, with a line of text about what it is good for.";
    made.spec.env = {{"EDITOR", "vim"}, {"LANG", "C.UTF-8"}};
    return made;
}

void create_one(Txn& txn, std::string_view kind, std::int64_t number)
{
    if (kind == WorkspaceTemplate::kind().plural) {
        auto made = make_template(number);
        txn.create(made);
    } else {
        auto made = bench::make_workspace(number, Phase::stopped);
        txn.create(made);
    }
}

awaitable<> seed(Executor io, Executor db, std::string folder, std::string kind, std::int64_t count)
{
    constexpr std::int64_t kPerWrite = 1'000;
    SystemClock clock;
    StoreOptions options{folder, io, db, clock}; // named: g++ 12 destroys such a temporary twice
    auto store = co_await Store::open(std::move(options));
    for (auto at = std::int64_t(store->count(kind)); at < count; at += kPerWrite) {
        const auto end = std::min(count, at + kPerWrite);
        auto write = [kind, at, end](Txn& txn) {
            for (auto number = at; number < end; ++number) create_one(txn, kind, number);
        };
        co_await store->transact(write);
    }
    std::size_t bytes = 0;
    for (const auto& entry : store->entries(kind)) bytes += entry->text.size();
    std::cout << json::serialize(json::object{{"objects", store->count(kind)}, {"bytes", bytes}})
              << std::endl;
    co_await store->close();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 4) return 2;
    const std::string kind = argv[2];
    if (kind != WorkspaceTemplate::kind().plural && kind != Workspace::kind().plural) return 2;
    auto main = [&](Executor io, Executor db) { return seed(io, db, argv[1], kind, std::atoll(argv[3])); };
    return berth::bench::run(main);
}
