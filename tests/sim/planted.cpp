#include "tests/sim/planted.hpp"

#include "controller/base/planted.hpp"

#include <algorithm>
#include <string>

namespace berth::sim {

namespace {

std::string chosen; ///< at most one; set before anything runs

constexpr PlantedBug kBugs[] = {
    {"agent.earlier-list-is-the-last", "a list from before the end of the container stands for one after it"},
    {"agent.failed-report-is-told", "a report that berthd did not take is not sent again"},
    {"agent.journal-of-another-volume", "the journal of an earlier volume is believed"},
    {"agent.no-back-off", "what failed is tried again at once"},
    {"agent.no-final-sync", "volumes are removed without the final sync"},
    {"agent.old-receipt-stays", "a final receipt still stands when the workspace runs again"},
    {"agent.receipt-of-an-earlier-start",
        "a final receipt of an earlier incarnation allows to remove the files"},
    {"agent.removes-unconfirmed", "volumes are removed before berthd has stored the receipt"},
    {"agent.resumes-half-a-list", "a watch that was cut in its first list goes on behind what it has seen"},
    {"api.if-match-ignored", "a write that is based on an old version is taken"},
    {"controller.change-wakes-nobody", "a changed spec waits for the next regular look"},
    {"controller.docker-wakes-nobody", "what changes in Docker waits for the next regular look"},
    {"controller.error-is-the-end", "a key whose handler failed is not queued again"},
    {"idempotency.not-kept", "the answer to an Idempotency-Key is not stored"},
    {"idempotency.not-looked-up", "an Idempotency-Key that was used is carried out again"},
    {"inventory.believes-empty-lists", "an engine that just came back and shows nothing is believed"},
    {"inventory.last-listed-counts", "of several containers the last one listed counts, not the newest"},
    {"observed.believes-empty-lists", "an empty list after a reconnect is believed"},
    {"observed.listens-only", "Docker is listed after an event only"},
    {"orphans.all-are-ours", "services of another install are swept away"},
    {"pool.counts-only-warm", "slots that are on their way are made once more"},
    {"pool.slot-given-twice", "a slot is neither held nor compared before it is given away"},
    {"queue.forgets-while-it-runs", "a change that comes while the handler runs is lost"},
    {"queue.key-runs-twice", "a key is handed out while its handler runs"},
    {"queue.no-back-off", "what failed is tried again at once"},
    {"restore.noted-too-early", "the restore is noted as done before the files are there"},
    {"store.finalizers-ignored", "an object goes although somebody has yet to clean up"},
    {"store.index-not-written", "what is new in an object does not reach the index"},
    {"store.not-synced", "a commit is acknowledged before the disk has it"},
    {"store.one-change-is-told", "of the changes of one batch only the last is announced"},
    {"store.owned-objects-stay", "owned objects outlive their owner"},
    {"store.revision-not-kept", "the revision is not stored with the commit"},
    {"sync.manifest-not-sent", "a receipt is given for a manifest that is not in S3"},
    {"sync.noted-before-it-is-sent", "the journal says that a file is in S3 before it is"},
    {"sync.refused-is-sent", "an upload that met another version counts as done"},
    {"watch.skips-to-the-end", "a watch that lags tells one change and skips the others"},
    {"workspace.absence-is-proof",
        "a report without files counts although the agent has not looked since the end"},
    {"workspace.another-name-each-time", "a create whose outcome is unknown is repeated under another name"},
    {"workspace.any-receipt-counts", "a final receipt of an earlier container stands for later files"},
    {"workspace.any-report-counts", "a report of an earlier container is taken for one of the present"},
    {"workspace.drift-stays", "a service that was changed by hand is left as it is"},
    {"workspace.finalizer-too-early", "the finalizer goes before everything is cleaned up"},
    {"workspace.found-files-ignored", "files that turn up on a node of a stopped workspace are left there"},
    {"workspace.next-before-the-end", "the next container is made while the last one still runs"},
    {"workspace.route-stays-shut", "a claimed slot's route still asks for a key"},
    {"workspace.service-stays", "the service of a workspace that stops is left"},
    {"workspace.settings-stay", "changed settings do not reach a container that runs"},
    {"workspace.trusts-its-cache", "a service that the cache does not show is taken for gone"},
};

} // namespace

std::span<const PlantedBug> planted_bugs() { return kBugs; }

bool bug_is_planted() { return !chosen.empty(); }

bool plant([[maybe_unused]] std::string_view name)
{
#ifdef BERTH_PLANTED_BUGS
    chosen = name;
    return std::ranges::any_of(kBugs, [&](const PlantedBug& bug) { return bug.name == name; });
#else
    return false;
#endif
}

} // namespace berth::sim

#ifdef BERTH_PLANTED_BUGS
bool berth::planted(std::string_view bug) { return bug == berth::sim::chosen; }
#endif
