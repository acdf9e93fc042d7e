#include "api/actions/container_view.hpp"

#include <algorithm>

namespace berth {

namespace {

bool contains(std::string_view text, std::string_view lower)
{
    const auto same = [](char left, char right) {
        return std::tolower(static_cast<unsigned char>(left)) == right;
    };
    return std::search(text.begin(), text.end(), lower.begin(), lower.end(), same) != text.end();
}

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

void use_defaults(S3Source& source, const S3Defaults& defaults, Problems& problems)
{
    const bool own_endpoint = source.endpoint.empty() || source.endpoint == defaults.endpoint;
    if (source.endpoint.empty()) source.endpoint = defaults.endpoint;
    if (!source.accessKeyId.empty()) {
        if (source.secretAccessKey.empty())
            problems.push_back({"/awsSecretAccessKey", "is required with an access key"});
        return;
    }
    if (!source.secretAccessKey.empty()) return; // validate() says what is missing
    if (!own_endpoint) {
        problems.push_back({"/awsAccessKeyId", "is required with an endpoint of your own"});
    } else if (defaults.access_key_id.empty()) {
        problems.push_back({"/awsAccessKeyId", "is required: this install has no credentials of its own"});
    } else {
        source.accessKeyId = defaults.access_key_id;
        source.secretAccessKey = defaults.secret_access_key;
    }
}

} // namespace

void validate(const CallbackRequest& request, const std::string& path, Problems& problems)
{
    const bool clean = std::none_of(
        request.reason.begin(), request.reason.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (request.reason.empty() || request.reason.size() > 64 || !clean)
        problems.push_back({path + "/reason", "expected 1 to 64 characters without control characters"});
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
    return phase == Phase::warm ? ContainerStatus::warm : ContainerStatus::running;
}

ContainerView container_view(const Workspace& workspace, const PublicAddress& address, Time now)
{
    const auto& spec = workspace.spec;
    const auto& status = workspace.status;
    ContainerView view;
    view.id = workspace.metadata.name;
    view.serviceName = service_name(view.id);
    view.status = container_status(workspace);
    view.message = status.message;
    view.urls = workspace_urls(address, view.id);
    view.s3Bucket = spec.s3.bucket;
    view.s3Region = spec.s3.region;
    view.s3Prefix = spec.s3.prefix;
    view.createdAt = workspace.metadata.creationTimestamp.value_or(Time{});
    view.startedAt = status.startedAt;
    view.stoppedAt = status.stoppedAt;
    view.lastActivity = status.lastActivity;
    if (view.status == ContainerStatus::running && status.startedAt)
        view.uptime = std::chrono::duration_cast<std::chrono::seconds>(now - *status.startedAt).count();
    if (!status.shutdownReason.empty()) view.shutdownReason = status.shutdownReason;
    const bool live = view.status == ContainerStatus::starting || view.status == ContainerStatus::running;
    if (live)
        view.health = ContainerHealth{status.health.status, status.health.lastCheck, status.health.checks};
    view.resourceLimits = status.resourceLimits;
    view.resourceUsage = status.resourceUsage;
    view.sync = {status.sync.state, status.sync.lastSyncAt, status.sync.pendingFiles, status.sync.receipt,
        status.sync.message};
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
    Problems problems;
    use_defaults(spec.s3, defaults, problems);
    Problems spec_problems;
    validate(spec, "", spec_problems);
    validate(spec.s3, "/s3", spec_problems);
    for (auto& problem : spec_problems)
        problems.push_back({request_field(problem.field), std::move(problem.problem)});
    if (!problems.empty()) throw Error{std::move(problems)};
    return workspace;
}

} // namespace berth
