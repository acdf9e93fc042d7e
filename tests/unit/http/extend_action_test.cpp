// POST …/extend, what a start says about idleness, and what the monitor's report can't do.

#include "api/actions/extend.hpp"
#include "tests/unit/http/action_fixture.hpp"

namespace berth {
namespace {

class ExtendTest : public ActionTest {
protected:
    void SetUp() override
    {
        ActionTest::SetUp();
        extend.mount(router);
    }
    Ask request(const std::string& id, const std::string& text = "")
    {
        return {"POST", "/api/containers/" + id + "/extend", text};
    }
    ContainerExtend extend{h.store(), h.clock, PublicAddress{}};
};

TEST_F(ExtendTest, KeepsItForAnHourOrAsLongAsIsSaidAndNeverShortens)
{
    const auto id = started();
    const auto now = h.clock.now();
    EXPECT_EQ(ask(request(id)).status, 200u);
    EXPECT_EQ(stored(id).spec.keepUntil, now + std::chrono::minutes{60});
    const auto generation = stored(id).metadata.generation;
    ask(request(id, R"({"minutes":5})"));
    EXPECT_EQ(stored(id).spec.keepUntil, now + std::chrono::minutes{60});
    EXPECT_EQ(stored(id).metadata.generation, generation);
    const auto view = body(ask(request(id, R"({"minutes":1440})")));
    EXPECT_EQ(stored(id).spec.keepUntil, now + std::chrono::minutes{1440});
    EXPECT_TRUE(view.as_object().contains("keepUntil"));
}

TEST_F(ExtendTest, SaysWhatIsWrong)
{
    const auto id = started();
    EXPECT_EQ(error(request("nobody")), "CONTAINER_NOT_FOUND 404");
    for (const char* text :
        {R"({"minutes":0})", R"({"minutes":1441})", R"({"minutes":"1"})", R"({"hours":1})"})
        EXPECT_EQ(error(request(id, text)), "VALIDATION_FAILED 400") << text;
    ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(error(request(id)).substr(error(request(id)).size() - 3), "409");
}

TEST_F(ExtendTest, AStartMayBringAPolicy)
{
    const auto reply = start(R"({"s3Bucket":"demo","idle":{"mode":"filesOnly","timeoutSeconds":30}})");
    const auto idle = stored(std::string(body(reply).at("id").as_string())).spec.idle;
    EXPECT_EQ(idle.mode, IdleMode::filesOnly);
    EXPECT_EQ(idle.timeoutSeconds, 30);
    EXPECT_FALSE(stored(started()).spec.idle.mode) << "what is not said is the install's";
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","idle":{"mode":"files-only"}})"}),
        "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","idle":{"timeoutSeconds":5}})"}),
        "VALIDATION_FAILED 400");
}

TEST_F(ExtendTest, TheMonitorsWordDoesNotOutweighItsUsers)
{
    const auto id = started();
    ask(request(id));
    const Ask callback{"POST", "/api/containers/" + id + "/callback", R"({"reason":"inactivity"})",
        {{"Authorization", "Bearer " + stored(id).spec.callbackToken.reveal()}}};
    EXPECT_EQ(ask(callback).status, 200u);
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::running);
    h.advance(std::chrono::minutes{61});
    EXPECT_EQ(ask(callback).status, 200u);
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::stopped);
    EXPECT_EQ(stored(id).spec.stopReason, "inactivity");
}

} // namespace
} // namespace berth
