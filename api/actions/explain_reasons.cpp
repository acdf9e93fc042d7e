// What each reason means to people; docs/LIFECYCLE.md shows the same table.

#include "api/actions/explain.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr ReasonHelp kTable[] = {
    {"NotSeenYet", "the controller to look at the last change",
        "nothing; see the controller's log if it lasts"},
    {"Unavailable", "Docker to answer the controller", "look whether the manager's engine runs"},
    {"Timeout", "Docker to answer the controller in time", "look whether the manager's engine is overloaded"},
    // Towards running.
    {"TemplateMissing", "its template to exist", "create the template, or name another in spec.template"},
    {"NoImage", "an image for workspaces without a template",
        "set WORKSPACE_IMAGE of berthd, or name a template"},
    {"ServiceRefused", "a service that Docker accepts",
        "mend what the message names in the template or the settings"},
    {"ImageMissing", "the image to be found; it is tried again every 20 s",
        "bring the image to the registry or the nodes, or correct its name in the template"},
    {"NoNodeFits", "a node with enough free processors and memory",
        "free or add a node, or ask for less in the template"},
    {"TaskRejected", "Docker to start the container; it is tried again every 20 s", "see Docker's message"},
    {"ForeignService", "the service's name to be free", "remove the foreign service of that name"},
    {"NameTaken", "the service's name to be free", "remove the foreign service of that name"},
    {"OldService", "the service of its last container to be gone", "nothing"},
    {"ContainerStarting", "Docker to start the container", "nothing; a large image takes its time to arrive"},
    {"StartTimeout", "nothing any more: the container did not start in time",
        "see the decisions; then POST …/start, or raise START_TIMEOUT"},
    {"NothingInTheWay", "Docker to make the service", "nothing"},
    {"Restoring", "the files to arrive from S3", "nothing; sync shows how far it is"},
    {"S3Denied", "S3 to accept the credentials", "correct the key or the bucket's policy"},
    {"S3NotFound", "the bucket to exist", "create the bucket, or name another"},
    {"NotStorable", "files that S3 can't hold or refuses; they are kept on the node",
        "start it again and rename the files that the message names, or give them up with DELETE …?force=1"},
    {"S3Unavailable", "the S3 server to answer; it is tried again",
        "look whether the S3 server can be reached"},
    {"RestoreTimeout", "nothing any more: the files did not arrive in time",
        "look whether berth-node runs on its node; then POST …/start"},
    {"FilterPending", "the node to put the network filter in force",
        "nothing; see the agent's log if it lasts"},
    {"FilterFailed", "the node to put the network filter in force; it is tried again",
        "see the message; the node's kernel must support the filter"},
    {"NotIsolated", "the node to put the network filter in force",
        "see the message; the node's kernel must support the filter"},
    {"ProbeFailed", "code-server and the desktop to answer", "look at the container's log; POST …/restart"},
    {"RouteMissing", "the reverse proxy to serve it", "look whether Traefik runs and reaches berthd"},
    {"NotServedYet", "the reverse proxy to serve it", "look whether Traefik runs and reaches berthd"},
    // While it runs.
    {"ProbeMissed", "code-server and the desktop to answer; after 3 misses it is restarted once",
        "nothing; or POST …/restart"},
    {"ContainerAbsent", "Docker to say what became of the container", "nothing"},
    {"Waiting", "the node to take the claim of the slot",
        "nothing; after 20 s another container is started instead"},
    {"Unanswered", "another container instead of the slot that did not take the claim",
        "nothing; look at that node's berth-node"},
    {"AgentSilent", "the agent of its node to report", "look whether berth-node runs on that node"},
    {"NodeDown", "its node to come back", "bring the node back: its files are there"},
    {"NodeGone", "its node to come back", "bring the node back; or DELETE with force=1 gives the files up"},
    // Given up.
    {"CrashLoop", "nothing any more: the container ended too often", "look at its log, then POST …/start"},
    {"OutOfMemory", "nothing any more: the memory limit was reached too often",
        "use a template with more memory, or POST …/start"},
    // Towards stopped.
    {"Stopping", "the container to end", "nothing"},
    {"ContainerEnding", "the container to end; its programs have 10 s", "nothing"},
    {"ContainerStuck", "Docker to end the container", "look at the engine of the node that is named"},
    {"SavingFiles", "the last changes to arrive in S3", "nothing; sync shows how far it is"},
    {"SyncHeld", "somebody to say whether so many files were deleted on purpose",
        "POST …/sync/confirm-deletes, or bring the files back"},
    {"Unconfirmed", "the agent of the node to confirm that the files are saved",
        "look whether berth-node runs on that node; DELETE with force=1 gives the files up"},
    {"FilesFound", "files that were found on a node to arrive in S3", "nothing; sync shows how far it is"},
    {"LeftBehind", "a service that was left behind to be gone", "nothing"},
    {"CleaningUp", "the node to remove what is left", "nothing"},
};

} // namespace

std::span<const ReasonHelp> reason_table() { return kTable; }

const ReasonHelp* reason_help(std::string_view reason)
{
    const auto table = reason_table();
    const auto found = std::find_if(
        table.begin(), table.end(), [reason](const ReasonHelp& help) { return help.reason == reason; });
    return found == table.end() ? nullptr : &*found;
}

} // namespace berth
