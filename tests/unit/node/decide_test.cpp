// The agent's decision as a table.

#include "node/decide.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace berth {
namespace {

const Tick kNow{std::chrono::seconds{1000}};

NodeView running()
{
    NodeView view;
    view.known = true;
    view.container = ContainerState::running;
    view.files_volume = view.control_volume = true;
    view.control_current = view.restored = view.leftovers = true;
    view.now = kNow;
    view.sync_due = kNow + Duration{5000};
    return view;
}

NodeView stopping()
{
    auto view = running();
    view.wanted = false;
    view.container = ContainerState::absent;
    return view;
}

struct Row {
    const char* name;
    std::function<NodeView()> view;
    NodeStep step;
};

NodeView changed(NodeView view, const std::function<void(NodeView&)>& change)
{
    change(view);
    return view;
}

TEST(Decide, Table)
{
    const std::vector<Row> rows{
        {"idle", running, NodeStep::Wait},
        {"round due", [] { return changed(running(), [](auto& v) { v.sync_due = kNow; }); }, NodeStep::Sync},
        {"control first",
            [] { return changed(running(), [](auto& v) { v.control_current = v.restored = false; }); },
            NodeStep::WriteControl},
        {"then restore", [] { return changed(running(), [](auto& v) { v.restored = false; }); },
            NodeStep::Restore},
        {"unknown to the API",
            [] {
                return changed(running(), [](auto& v) {
                    v.known = false;
                    v.sync_due = kNow;
                });
            },
            NodeStep::Wait},
        {"backing off",
            [] {
                return changed(running(), [](auto& v) {
                    v.sync_due = kNow;
                    v.retry_after = kNow + Duration{9};
                });
            },
            NodeStep::Wait},
        {"no volume yet",
            [] {
                return changed(
                    running(), [](auto& v) { v.files_volume = v.control_volume = v.restored = false; });
            },
            NodeStep::Wait},
        {"crashed but wanted: keeps syncing",
            [] {
                return changed(running(), [](auto& v) {
                    v.container = ContainerState::absent;
                    v.sync_due = kNow;
                });
            },
            NodeStep::Sync},
        {"stop, container still runs",
            [] {
                return changed(running(), [](auto& v) {
                    v.wanted = false;
                    v.sync_due = kNow;
                });
            },
            NodeStep::Sync},
        {"stop, container gone", stopping, NodeStep::FinalSync},
        {"final sync also with an ended container",
            [] { return changed(stopping(), [](auto& v) { v.container = ContainerState::exited; }); },
            NodeStep::FinalSync},
        {"final sync of what was never restored",
            [] { return changed(stopping(), [](auto& v) { v.restored = false; }); }, NodeStep::FinalSync},
        {"receipt not confirmed", [] { return changed(stopping(), [](auto& v) { v.final_receipt = "h"; }); },
            NodeStep::Wait},
        {"another receipt confirmed",
            [] {
                return changed(stopping(), [](auto& v) {
                    v.final_receipt = "h";
                    v.confirmed_receipt = "old";
                });
            },
            NodeStep::Wait},
        {"confirmed without our own",
            [] { return changed(stopping(), [](auto& v) { v.confirmed_receipt = "h"; }); },
            NodeStep::FinalSync},
        {"confirmed",
            [] { return changed(stopping(), [](auto& v) { v.final_receipt = v.confirmed_receipt = "h"; }); },
            NodeStep::RemoveVolumes},
        {"confirmed, ended container holds the volume",
            [] {
                return changed(stopping(), [](auto& v) {
                    v.final_receipt = v.confirmed_receipt = "h";
                    v.container = ContainerState::exited;
                });
            },
            NodeStep::Wait},
        {"forced", [] { return changed(stopping(), [](auto& v) { v.force = true; }); },
            NodeStep::RemoveVolumes},
        {"forced but it runs",
            [] {
                return changed(running(), [](auto& v) {
                    v.force = true;
                    v.wanted = false;
                });
            },
            NodeStep::Wait},
        {"forced but unknown",
            [] {
                return changed(stopping(), [](auto& v) {
                    v.force = true;
                    v.known = false;
                });
            },
            NodeStep::Wait},
        {"a list that is older than the container is not its end",
            [] { return changed(stopping(), [](auto& v) { v.container_may_come = true; }); }, NodeStep::Wait},
        {"an end that was seen, or told, is one", stopping, NodeStep::FinalSync},
        {"only the control volume is left",
            [] { return changed(stopping(), [](auto& v) { v.files_volume = false; }); },
            NodeStep::RemoveVolumes},
        {"only the journal is left",
            [] { return changed(stopping(), [](auto& v) { v.files_volume = v.control_volume = false; }); },
            NodeStep::Forget},
        {"nothing is left",
            [] {
                return changed(
                    stopping(), [](auto& v) { v.files_volume = v.control_volume = v.leftovers = false; });
            },
            NodeStep::Wait},
    };
    for (const auto& row : rows)
        EXPECT_STREQ(to_string(decide(row.view()).step), to_string(row.step)) << row.name;
}

TEST(Decide, NeverRemovesWhatIsWantedOrUnconfirmed)
{
    // Every combination of the facts that matter.
    for (unsigned bits = 0; bits < 1u << 9; ++bits) {
        auto view = running();
        view.known = bits & 1;
        view.wanted = bits & 2;
        view.force = bits & 4;
        view.files_volume = bits & 8;
        view.control_volume = bits & 16;
        view.restored = bits & 32;
        view.final_receipt = bits & 64 ? "h" : "";
        view.confirmed_receipt = bits & 128 ? "h" : "old";
        view.container = bits & 256 ? ContainerState::running : ContainerState::absent;
        if (decide(view).step != NodeStep::RemoveVolumes) continue;
        EXPECT_TRUE(view.known && !view.wanted && view.container == ContainerState::absent) << bits;
        const bool confirmed = view.final_receipt == "h" && view.confirmed_receipt == "h";
        EXPECT_TRUE(!view.files_volume || view.force || confirmed) << bits;
    }
}

TEST(Decide, BackOffGrowsAndIsCapped)
{
    EXPECT_EQ(retry_delay(1), std::chrono::seconds{1});
    EXPECT_EQ(retry_delay(3), std::chrono::seconds{4});
    EXPECT_EQ(retry_delay(1000), std::chrono::seconds{30});
}

} // namespace
} // namespace berth
