// Every phase against every verb of /api/containers: what is answered and what is written. No phase refuses a
// wish that makes sense, and a wish that is fulfilled already writes nothing.

#include "tests/unit/http/action_fixture.hpp"

namespace berth {
namespace {

struct Verb {
    const char* method;
    const char* path; ///< after the id
};
constexpr Verb kStop{"DELETE", ""};
constexpr Verb kForce{"DELETE", "?force=1"};
constexpr Verb kStart{"POST", "/start"};
constexpr Verb kRestart{"POST", "/restart"};

struct Expected {
    const char* answer; ///< "202", or the error's code and status
    const char* shown = "";
    bool written = true;
};

struct Row {
    Phase phase;
    DesiredState wanted;
    Expected stop, force, start, restart;
};

const Row kRows[] = {
    {Phase::pending, DesiredState::running, {"202", "stopping"}, {"202", "stopping"},
        {"200", "starting", false}, {"202", "starting"}},
    {Phase::starting, DesiredState::running, {"202", "stopping"}, {"202", "stopping"},
        {"200", "starting", false}, {"202", "starting"}},
    {Phase::running, DesiredState::running, {"202", "stopping"}, {"202", "stopping"},
        {"200", "running", false}, {"202", "starting"}},
    {Phase::failed, DesiredState::running, {"202", "stopping"}, {"202", "stopping"}, {"202", "starting"},
        {"202", "starting"}},
    {Phase::stopping, DesiredState::stopped, {"200", "stopping", false}, {"202", "stopping"},
        {"202", "starting"}, {"CONFLICT 409", "", false}},
    {Phase::stopped, DesiredState::stopped, {"200", "stopped", false}, {"200", "stopped", false},
        {"202", "starting"}, {"CONFLICT 409", "", false}},
    {Phase::archived, DesiredState::stopped, {"200", "archived", false}, {"200", "archived", false},
        {"202", "starting"}, {"CONFLICT 409", "", false}},
};

class VerbsMatrix : public ActionTest {
protected:
    void check(const Row& row, Verb verb, const Expected& expected)
    {
        SCOPED_TRACE(std::string(detail::enumerator_name(row.phase)) + ": " + verb.method + " " + verb.path);
        const auto id = started();
        auto workspace = stored(id);
        workspace.spec.desiredState = row.wanted;
        h.put(workspace);
        set_status(id, [&](WorkspaceStatus& status) { status.phase = row.phase; });
        const auto before = stored(id).metadata.generation;
        std::string answer;
        std::string shown;
        try {
            const auto reply = ask({verb.method, "/api/containers/" + id + verb.path});
            answer = std::to_string(reply.status);
            shown = std::string(body(reply).at("status").as_string());
            EXPECT_NE(body(reply).at("message").as_string(), "running") << "not what is not so any more";
        } catch (const Error& failure) {
            answer = wire_code(failure) + " " + std::to_string(http_status(failure));
        }
        EXPECT_EQ(answer, expected.answer);
        EXPECT_EQ(shown, expected.shown);
        EXPECT_EQ(stored(id).metadata.generation, before + (expected.written ? 1 : 0));
    }
};

TEST_F(VerbsMatrix, EveryPhaseTakesEveryWish)
{
    for (const auto& row : kRows) {
        check(row, kStop, row.stop);
        check(row, kForce, row.force);
        check(row, kStart, row.start);
        check(row, kRestart, row.restart);
    }
}

TEST_F(VerbsMatrix, ADeletedOneSaysSo)
{
    const auto id = started();
    set_status(id, [](WorkspaceStatus& status) {
        status.phase = Phase::running;
        status.message = "running";
    });
    const auto finalize = [id](Txn& txn) { txn.add_finalizer<Workspace>({"default", id}, kFinalizer); };
    h.transact(finalize);
    const auto reply = ask({"DELETE", "/api/v1/orgs/default/workspaces/" + id});
    EXPECT_EQ(reply.status, 202u);
    EXPECT_TRUE(body(reply).at("metadata").as_object().contains("deletionTimestamp"));
    const auto view = body(ask({"GET", "/api/containers/" + id}));
    EXPECT_EQ(view.at("status"), json::value("stopping"));
    EXPECT_EQ(view.at("message"), json::value("stopping; the files are being saved"));
    EXPECT_EQ(error({"POST", "/api/containers/" + id + "/start"}), "CONFLICT 409");
    EXPECT_EQ(error({"POST", "/api/containers/" + id + "/restart"}), "CONFLICT 409");
    EXPECT_EQ(ask({"DELETE", "/api/containers/" + id}).status, 200u);
    EXPECT_EQ(ask({"DELETE", "/api/containers/" + id + "?force=1"}).status, 202u)
        << "its files may be given up still";
}

} // namespace
} // namespace berth
