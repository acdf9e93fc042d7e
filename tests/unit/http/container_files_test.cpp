// What a person asks of the files of a workspace.

#include "api/actions/container_files.hpp"
#include "tests/unit/http/action_fixture.hpp"

namespace berth {
namespace {

struct ContainerFilesTest : ActionTest {
    ContainerFiles files{h.store(), cache, h.clock};
    std::string id;

    void SetUp() override
    {
        ActionTest::SetUp();
        files.mount(router);
        id = started();
    }
    std::string path(const std::string& rest) const { return "/api/containers/" + id + rest; }
};

TEST_F(ContainerFilesTest, EachRequestRaisesItsOwnCounter)
{
    EXPECT_EQ(ask({"POST", path("/sync")}).status, 202u);
    ask({"POST", path("/sync")});
    ask({"POST", path("/sync/confirm-deletes")});
    const auto at = h.clock.now() - std::chrono::hours{1};
    ask({"POST", path("/restore?at=" + format_time(at))});
    const auto requests = stored(id).spec.requests;
    EXPECT_EQ(requests.sync, 2);
    EXPECT_EQ(requests.confirmDeletes, 1);
    EXPECT_EQ(requests.restore, 1);
    EXPECT_EQ(requests.restoreAt, at);
}

TEST_F(ContainerFilesTest, OnlyTimesThatTheTrashStillKnows)
{
    const auto now = h.clock.now();
    for (const auto& at :
        {std::string("yesterday"), std::string(), format_time(now + std::chrono::seconds{1}),
            format_time(now - std::chrono::days{30} - std::chrono::seconds{1})})
        EXPECT_EQ(error({"POST", path("/restore?at=" + at)}), "VALIDATION_FAILED 400") << at;
    EXPECT_EQ(stored(id).spec.requests.restore, 0);
}

TEST_F(ContainerFilesTest, AStoppedOneMustBeStartedFirst)
{
    ask({"DELETE", path("")});
    EXPECT_EQ(error({"POST", path("/sync")}), "CONFLICT 409");
    EXPECT_EQ(error({"POST", path("/restore?at=" + format_time(h.clock.now()))}), "CONFLICT 409");
    EXPECT_EQ(error({"POST", "/api/containers/none/sync"}), "CONTAINER_NOT_FOUND 404");
}

TEST_F(ContainerFilesTest, ReceiptsAreListed)
{
    set_status(id, [](WorkspaceStatus& status) {
        Receipt receipt;
        receipt.manifestHash = "abc";
        receipt.files = 3;
        status.receipts = {receipt};
    });
    const auto list = body(ask({"GET", path("/receipts")})).at("receipts").as_array();
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].at("files").as_int64(), 3);
}

} // namespace
} // namespace berth
