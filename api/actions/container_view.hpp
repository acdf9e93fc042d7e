#pragma once
// How /api/containers shows a workspace (W1 to W3), and what it accepts. Wire structs: member names are the
// contract. Pure; any thread.

#include "api/actions/settings.hpp"
#include "api/types/workspace.hpp"

namespace berth {

enum class ContainerStatus { warm, starting, running, stopping, stopped, failed, archived };
BOOST_DESCRIBE_ENUM(ContainerStatus, warm, starting, running, stopping, stopped, failed, archived)

struct StartRequest {
    std::string s3Bucket;
    std::string s3Region = "us-east-1";
    std::string s3Prefix;
    std::string s3Endpoint;
    std::string awsAccessKeyId;
    Secret awsSecretAccessKey;
    Secret vncPassword;
    std::string template_;
    std::map<std::string, std::string> env;
    bool exposeS3Credentials = false;
    IdlePolicy idle;
    static constexpr std::array required{"s3Bucket"};
    static constexpr std::array rules{Rule::text("s3Bucket", kBucketName), Rule::text("s3Region", kDnsLabel),
        Rule::text("s3Prefix", kS3Folder, 512), Rule::text("s3Endpoint", kEndpoint, 512).or_empty(),
        Rule::text("awsAccessKeyId", kCleanText, 256), Rule::text("awsSecretAccessKey", kCleanText, 512),
        Rule::text("vncPassword", kVncPassword), Rule::text("template", kDnsLabel).or_empty(),
        Rule::entries("env", 128).keys(kUserEnvName).of(kWithoutNul).length(0, 32 * 1024)};
    static constexpr std::array docs{std::pair{"s3Bucket", "where the files live; must exist"},
        std::pair{"s3Prefix", "folder in the bucket; empty: the whole bucket"},
        std::pair{"s3Endpoint", "empty: the install's own, with its credentials when none are given"},
        std::pair{"vncPassword", "VNC looks at 8 characters; empty: a random one, shown once in the answer"},
        std::pair{"template", "name of a WorkspaceTemplate; empty: the install's image and limits"},
        std::pair{"env", "variables of the workspace, but not those of Berth and the image; PATH: absolute "
                         "folders, searched before the image's own"},
        std::pair{"idle", "when it is stopped for inactivity; what is not said is the install's"},
        std::pair{"exposeS3Credentials",
            "show the credentials of this request inside the workspace, as AWS_ACCESS_KEY_ID and so on"}};
};
BOOST_DESCRIBE_STRUCT(StartRequest, (),
    (s3Bucket, s3Region, s3Prefix, s3Endpoint, awsAccessKeyId, awsSecretAccessKey, vncPassword, template_,
        env, exposeS3Credentials, idle))

struct StartAnswer {
    std::string id;
    std::string serviceName;
    ContainerStatus status = ContainerStatus::starting;
    WorkspaceUrls urls;
    std::string message;
    std::optional<std::string> vncPassword;
    static constexpr std::array docs{
        std::pair{"vncPassword", "only when it was made here; it is not shown again"}};
};
BOOST_DESCRIBE_STRUCT(StartAnswer, (), (id, serviceName, status, urls, message, vncPassword))

struct ContainerHealth {
    HealthState status = HealthState::starting;
    std::optional<Time> lastCheck;
    HealthChecks checks;
    std::vector<ProbeRecord> history;
    static constexpr std::array docs{std::pair{"history", "the last 10 rounds of probes, oldest first"}};
};
BOOST_DESCRIBE_STRUCT(ContainerHealth, (), (status, lastCheck, checks, history))

struct ContainerView {
    std::string id;
    std::string serviceName;
    ContainerStatus status = ContainerStatus::starting;
    std::string message;
    WorkspaceUrls urls;
    std::string s3Bucket;
    std::string s3Region;
    std::string s3Prefix;
    Time createdAt{};
    std::optional<Time> startedAt;
    std::optional<Time> stoppedAt;
    std::optional<Time> lastActivity;
    std::optional<ActivityStatus> activity;
    std::optional<Time> keepUntil;
    std::optional<std::int64_t> uptime;
    std::optional<std::string> shutdownReason;
    std::optional<ContainerHealth> health;
    ResourceLimits resourceLimits;
    std::optional<ResourceUsage> resourceUsage;
    SyncStatus sync;
    std::optional<std::string> node;
    Conditions conditions;
    static constexpr std::array docs{std::pair{"message", "one sentence for a person"},
        std::pair{"activity", "while it runs: what keeps it, and when it stops unless it is used"},
        std::pair{"keepUntil", "not stopped for inactivity before"},
        std::pair{"uptime", "seconds since it was ready, while it runs"},
        std::pair{"conditions", "among them DataAtRisk: unsaved files are kept on the named node"}};
};
BOOST_DESCRIBE_STRUCT(ContainerView, (),
    (id, serviceName, status, message, urls, s3Bucket, s3Region, s3Prefix, createdAt, startedAt, stoppedAt,
        lastActivity, activity, keepUntil, uptime, shutdownReason, health, resourceLimits, resourceUsage, sync,
        node, conditions))

struct ContainerList {
    std::vector<ContainerView> containers;
    std::int64_t total = 0;
    std::int64_t limit = 0;
    std::int64_t offset = 0;
};
BOOST_DESCRIBE_STRUCT(ContainerList, (), (containers, total, limit, offset))

struct CallbackRequest {
    std::string reason;
    static constexpr std::array required{"reason"};
    static constexpr std::array rules{Rule::text("reason", kCleanText).length(1, 64)};
};
BOOST_DESCRIBE_STRUCT(CallbackRequest, (), (reason))

/// What a start answers. `vnc_password` when it was made here.
StartAnswer start_answer(
    const Workspace& workspace, const PublicAddress& address, std::optional<std::string> vnc_password);

/// What every verb says of an id that nobody has.
Error container_not_found(const std::string& id);

/// When its user got it: a claimed slot is older than that.
Time created_at(const Workspace& workspace);

/// The phase, ahead of the reconciler where the spec says already where it goes.
ContainerStatus container_status(const Workspace& workspace);
ContainerView container_view(const Workspace& workspace, const PublicAddress& address, Time now);
/// For searching: ASCII letters in lower case, and whether a text holds one that is.
std::string lower(std::string text);
bool contains(std::string_view text, std::string_view lower);
/// Whether the lower-case text occurs in the id, the bucket, the prefix or the node's name.
bool matches_search(const Workspace& workspace, std::string_view lower);

/// The object that a start asks for, without a name. Empty endpoint and credentials mean the install's own,
/// which are never sent to an endpoint that somebody else named. Throws Error{Invalid} with the request's
/// field names.
Workspace workspace_from(const StartRequest& request, const S3Defaults& defaults);

} // namespace berth
