// What people do to each other: starts in the same moment, two who change the same object, one who changes a
// service behind Berth's back.

#include "tests/sim/users.hpp"

namespace berth::sim {

namespace {

constexpr const char* kEdits = "EDITS";
/// Who is refused because somebody else was quicker reads again.
constexpr int kTries = 5;

} // namespace

std::int64_t edits_in(const Workspace& workspace)
{
    const auto found = workspace.spec.env.find(kEdits);
    return found == workspace.spec.env.end() ? 0 : std::stoll(found->second);
}

void Users::start_together()
{
    for (auto more = dice_.below(3); more > 0; --more) program_.spawn(start_new(++calls));
}

void Users::edit_together(const std::string& workspace)
{
    for (int person = 0; person < 2; ++person) program_.spawn(edit(workspace));
}

/// Reads a setting, counts it up, and writes it back if it is still what was read.
awaitable<> Users::edit(std::string workspace)
{
    const auto target = "/api/v1/orgs/default/workspaces/" + workspace;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        try {
            HttpRequest look;
            look.target = target;
            const auto seen = co_await api_.send(std::move(look));
            if (seen.status != 200) co_return;
            const auto object = decode_object<Workspace>(parse_json(seen.body), Unknown::Ignore);
            HttpRequest change;
            change.method = "PATCH";
            change.target = target;
            change.headers.set("Content-Type", "application/merge-patch+json");
            change.headers.set("If-Match", '"' + object.metadata.resourceVersion + '"');
            change.body = R"({"spec":{"env":{")" + std::string(kEdits) + R"(":")" +
                          std::to_string(edits_in(object) + 1) + R"("}}})";
            const auto done = co_await api_.send(std::move(change));
            if (done.status == 200) ++promises.at(workspace).edits;
            if (done.status != 409) co_return;
        } catch (const Error&) { // whether it was done is not known: nothing is promised
            co_return;
        }
    }
}

/// What the task is made of stays: the engine itself would replace it.
awaitable<> Users::change_by_hand(std::string workspace)
{
    try {
        auto live = co_await by_hand_.find_service(service_name(workspace));
        if (!live) co_return;
        live->Spec.Labels["changed"] = "by hand";
        co_await by_hand_.update_service(live->ID, live->Version.Index, std::move(live->Spec));
        world_.engine_touched();
    } catch (const Error& error) {
        world_.note(std::string("by hand: ") + error.what());
    }
}

} // namespace berth::sim
