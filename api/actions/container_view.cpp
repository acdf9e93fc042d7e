#include "api/actions/container_view.hpp"

#include "api/actions/source_rules.hpp"
#include "api/types/warm_pool.hpp"

#include <algorithm>

namespace berth {

std::string lower(std::string text)
{
    std::transform(
        text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return text;
}

bool contains(std::string_view text, std::string_view lower)
{
    const auto same = [](char left, char right) {
        return std::tolower(static_cast<unsigned char>(left)) == right;
    };
    return std::search(text.begin(), text.end(), lower.begin(), lower.end(), same) != text.end();
}

namespace {

/// "/s3/secretAccessKey" of the spec is "/awsSecretAccessKey" of the request.
std::string request_field(const std::string& field)
{
    static const std::map<std::string, std::string> kNames{{"/s3/bucket", "/s3Bucket"},
        {"/s3/region", "/s3Region"}, {"/s3/prefix", "/s3Prefix"}, {"/s3/endpoint", "/s3Endpoint"},
        {"/s3/accessKeyId", "/awsAccessKeyId"}, {"/s3/secretAccessKey", "/awsSecretAccessKey"}};
    const auto found = kNames.find(field);
    return found == kNames.end() ? field : found->second;
}

/// "/a/b/" → "a/b": what people write is what they mean.
std::string trim_slashes(std::string text)
{
    while (text.starts_with('/')) text.erase(0, 1);
    while (text.ends_with('/')) text.pop_back();
    return text;
}

} // namespace

Error container_not_found(const std::string& id)
{
    return Error{Errc::NotFound, "there is no container " + id}.as("CONTAINER_NOT_FOUND");
}

ContainerStatus container_status(const Workspace& workspace)
{
    const auto phase = workspace.status.phase;
    const bool wanted =
        workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
    switch (phase) {
    case Phase::archived:
        return wanted ? ContainerStatus::starting : ContainerStatus::archived;
    case Phase::stopped:
        return wanted ? ContainerStatus::starting : ContainerStatus::stopped;
    case Phase::pending:
    case Phase::stopping:
        return wanted ? ContainerStatus::starting : ContainerStatus::stopping;
    default:
        break;
    }
    if (!wanted) return ContainerStatus::stopping;
    const bool restarting = workspace.spec.restarts != workspace.status.observedRestarts;
    if (restarting || phase == Phase::starting) return ContainerStatus::starting;
    if (phase == Phase::failed) return ContainerStatus::failed;
    // A claim is a fact before its reconciler has seen it.
    return phase == Phase::warm && is_slot(workspace) ? ContainerStatus::warm : ContainerStatus::running;
}

StartAnswer start_answer(
    const Workspace& workspace, const PublicAddress& address, std::optional<std::string> vnc_password)
{
    StartAnswer answer;
    answer.id = workspace.metadata.name;
    answer.serviceName = service_name(answer.id);
    answer.status = container_status(workspace);
    answer.urls = workspace_urls(address, answer.id);
    answer.message = answer.status == ContainerStatus::running
                         ? "the container is running; its files are being restored"
                         : "the container is starting";
    answer.vncPassword = std::move(vnc_password);
    return answer;
}

Time created_at(const Workspace& workspace)
{
    const auto& meta = workspace.metadata;
    const auto claimed = meta.annotations.find(std::string(kClaimedAtAnnotation));
    const auto at = claimed == meta.annotations.end() ? std::nullopt : parse_time(claimed->second);
    return at ? *at : meta.creationTimestamp.value_or(Time{});
}

namespace {

/// The reconciler's sentence, or ours for the moment in which it has not seen the last wish.
std::string message_of(const Workspace& workspace)
{
    const auto& status = workspace.status;
    const bool wanted =
        workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
    const bool rests = status.phase == Phase::stopped || status.phase == Phase::archived;
    if (!wanted)
        return rests || status.phase == Phase::stopping ? status.message
                                                        : "stopping; the files are being saved";
    if (rests || status.phase == Phase::stopping || status.phase == Phase::pending) return "starting";
    return workspace.spec.restarts != status.observedRestarts ? "restarting on request" : status.message;
}

} // namespace

ContainerView container_view(const Workspace& workspace, const PublicAddress& address, Time now)
{
    const auto& spec = workspace.spec;
    const auto& status = workspace.status;
    ContainerView view;
    view.id = workspace.metadata.name;
    view.serviceName = service_name(view.id);
    view.status = container_status(workspace);
    view.message = message_of(workspace);
    view.urls = workspace_urls(address, view.id);
    view.s3Bucket = spec.s3.bucket;
    view.s3Region = spec.s3.region;
    view.s3Prefix = spec.s3.prefix;
    view.createdAt = created_at(workspace);
    view.startedAt = status.startedAt;
    view.stoppedAt = status.stoppedAt;
    view.lastActivity = status.lastActivity;
    view.activity = status.activity;
    view.keepUntil = spec.keepUntil;
    if (view.status == ContainerStatus::running && status.startedAt)
        view.uptime = std::chrono::duration_cast<std::chrono::seconds>(now - *status.startedAt).count();
    if (!status.shutdownReason.empty()) view.shutdownReason = status.shutdownReason;
    const bool live = view.status == ContainerStatus::starting || view.status == ContainerStatus::running;
    if (live)
        view.health = ContainerHealth{
            status.health.status, status.health.lastCheck, status.health.checks, status.health.history};
    view.resourceLimits = status.resourceLimits;
    view.resourceUsage = status.resourceUsage;
    view.sync = status.sync;
    if (!status.nodeName.empty()) view.node = status.nodeName;
    view.conditions = status.conditions;
    return view;
}

bool matches_search(const Workspace& workspace, std::string_view lower)
{
    return contains(workspace.metadata.name, lower) || contains(workspace.spec.s3.bucket, lower) ||
           contains(workspace.spec.s3.prefix, lower) || contains(workspace.status.nodeName, lower);
}

Workspace workspace_from(const StartRequest& request, const S3Defaults& defaults)
{
    Workspace workspace;
    auto& spec = workspace.spec;
    spec.s3 = {request.s3Bucket, request.s3Region, trim_slashes(request.s3Prefix), request.s3Endpoint,
        request.awsAccessKeyId, request.awsSecretAccessKey};
    spec.template_ = request.template_;
    spec.env = request.env;
    spec.vncPassword = request.vncPassword;
    spec.exposeS3Credentials = request.exposeS3Credentials;
    spec.idle = request.idle;
    Problems problems;
    if (request.exposeS3Credentials && request.awsAccessKeyId.empty())
        problems.push_back(
            {"/exposeS3Credentials", "needs credentials of your own: the install's are not shown"});
    check_rules(spec, "", problems);
    check_rules(spec.s3, "/s3", problems);
    validate(spec, "", problems);
    validate(spec.s3, "/s3", problems);
    check_source(spec.s3, nullptr, defaults, "/s3", problems);
    for (auto& problem : problems) problem.field = request_field(problem.field);
    if (!problems.empty()) throw Error{std::move(problems)};
    return workspace;
}

} // namespace berth
