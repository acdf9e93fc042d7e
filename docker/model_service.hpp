#pragma once
// Services and tasks, as the Swarm describes them.

#include "docker/model_base.hpp"

namespace berth::docker {

// ---- what a container of a service looks like

struct BindOptions {
    std::string Propagation; ///< rprivate | rslave | rshared …
    bool operator==(const BindOptions&) const = default;
};
BOOST_DESCRIBE_STRUCT(BindOptions, (), (Propagation))

struct VolumeOptions {
    bool NoCopy = false;
    StringMap Labels;
    std::optional<Driver> DriverConfig;
    bool operator==(const VolumeOptions&) const = default;
};
BOOST_DESCRIBE_STRUCT(VolumeOptions, (), (NoCopy, Labels, DriverConfig))

struct TmpfsOptions {
    std::int64_t SizeBytes = 0;
    std::uint32_t Mode = 0;
    bool operator==(const TmpfsOptions&) const = default;
};
BOOST_DESCRIBE_STRUCT(TmpfsOptions, (), (SizeBytes, Mode))

struct Mount {
    std::string Type; ///< bind | volume | tmpfs
    std::string Source;
    std::string Target;
    bool ReadOnly = false;
    std::optional<docker::BindOptions> BindOptions;
    std::optional<docker::VolumeOptions> VolumeOptions;
    std::optional<docker::TmpfsOptions> TmpfsOptions;
    bool operator==(const Mount&) const = default;
};
BOOST_DESCRIBE_STRUCT(Mount, (), (Type, Source, Target, ReadOnly, BindOptions, VolumeOptions, TmpfsOptions))

struct HealthConfig {
    Strings Test; ///< {"NONE"} | {"CMD", …} | {"CMD-SHELL", "…"}
    std::int64_t Interval = 0;
    std::int64_t Timeout = 0;
    std::int64_t Retries = 0;
    std::int64_t StartPeriod = 0;
    bool operator==(const HealthConfig&) const = default;
};
BOOST_DESCRIBE_STRUCT(HealthConfig, (), (Test, Interval, Timeout, Retries, StartPeriod))

struct SecretReferenceFile {
    std::string Name;
    std::string UID = "0";
    std::string GID = "0";
    std::uint32_t Mode = 0400;
    bool operator==(const SecretReferenceFile&) const = default;
};
BOOST_DESCRIBE_STRUCT(SecretReferenceFile, (), (Name, UID, GID, Mode))

struct SecretReference {
    std::optional<SecretReferenceFile> File;
    std::string SecretID;
    std::string SecretName;
    bool operator==(const SecretReference&) const = default;
};
BOOST_DESCRIBE_STRUCT(SecretReference, (), (File, SecretID, SecretName))

struct DNSConfig {
    Strings Nameservers;
    Strings Search;
    Strings Options;
    bool operator==(const DNSConfig&) const = default;
};
BOOST_DESCRIBE_STRUCT(DNSConfig, (), (Nameservers, Search, Options))

struct Ulimit {
    std::string Name;
    std::int64_t Hard = 0;
    std::int64_t Soft = 0;
    bool operator==(const Ulimit&) const = default;
};
BOOST_DESCRIBE_STRUCT(Ulimit, (), (Name, Hard, Soft))

struct Privileges {
    std::optional<bool> NoNewPrivileges; ///< engines before API 1.44 ignore it
    bool operator==(const Privileges&) const = default;
};
BOOST_DESCRIBE_STRUCT(Privileges, (), (NoNewPrivileges))

struct ContainerSpec {
    std::string Image;
    StringMap Labels;
    Strings Command; ///< replaces the image's entrypoint
    Strings Args;
    std::string Hostname;
    Strings Env; ///< NAME=value
    std::string Dir;
    std::string User;
    Strings Groups;
    std::optional<docker::Privileges> Privileges;
    bool TTY = false;
    bool ReadOnly = false;
    std::vector<Mount> Mounts;
    std::string StopSignal;
    std::optional<std::int64_t> StopGracePeriod;
    std::optional<HealthConfig> Healthcheck;
    Strings Hosts;
    std::optional<docker::DNSConfig> DNSConfig;
    std::vector<SecretReference> Secrets;
    std::optional<bool> Init;
    StringMap Sysctls;
    Strings CapabilityAdd;
    Strings CapabilityDrop;
    std::vector<Ulimit> Ulimits;
    bool operator==(const ContainerSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerSpec, (),
    (Image, Labels, Command, Args, Hostname, Env, Dir, User, Groups, Privileges, TTY, ReadOnly, Mounts, StopSignal,
        StopGracePeriod, Healthcheck, Hosts, DNSConfig, Secrets, Init, Sysctls, CapabilityAdd, CapabilityDrop, Ulimits))

struct Limit {
    std::int64_t NanoCPUs = 0; ///< 1 CPU = 1'000'000'000
    std::int64_t MemoryBytes = 0;
    std::int64_t Pids = 0; ///< only as a limit
    bool operator==(const Limit&) const = default;
};
BOOST_DESCRIBE_STRUCT(Limit, (), (NanoCPUs, MemoryBytes, Pids))

struct Resources {
    std::optional<Limit> Limits;
    std::optional<Limit> Reservations;
    bool operator==(const Resources&) const = default;
};
BOOST_DESCRIBE_STRUCT(Resources, (), (Limits, Reservations))

struct RestartPolicy {
    std::string Condition; ///< none | on-failure | any
    std::optional<std::int64_t> Delay;
    std::optional<std::uint64_t> MaxAttempts;
    std::optional<std::int64_t> Window;
    bool operator==(const RestartPolicy&) const = default;
};
BOOST_DESCRIBE_STRUCT(RestartPolicy, (), (Condition, Delay, MaxAttempts, Window))

struct Placement {
    Strings Constraints; ///< "node.id==…"
    std::uint64_t MaxReplicas = 0;
    bool operator==(const Placement&) const = default;
};
BOOST_DESCRIBE_STRUCT(Placement, (), (Constraints, MaxReplicas))

struct NetworkAttachmentConfig {
    std::string Target; ///< id or name; the engine answers with the id
    Strings Aliases;
    StringMap DriverOpts;
    bool operator==(const NetworkAttachmentConfig&) const = default;
};
BOOST_DESCRIBE_STRUCT(NetworkAttachmentConfig, (), (Target, Aliases, DriverOpts))

struct TaskSpec {
    docker::ContainerSpec ContainerSpec;
    std::optional<docker::Resources> Resources;
    std::optional<docker::RestartPolicy> RestartPolicy;
    std::optional<docker::Placement> Placement;
    std::vector<NetworkAttachmentConfig> Networks;
    std::optional<Driver> LogDriver;
    std::uint64_t ForceUpdate = 0;
    bool operator==(const TaskSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    TaskSpec, (), (ContainerSpec, Resources, RestartPolicy, Placement, Networks, LogDriver, ForceUpdate))

// ---- services

struct ReplicatedService {
    std::optional<std::uint64_t> Replicas;
    bool operator==(const ReplicatedService&) const = default;
};
BOOST_DESCRIBE_STRUCT(ReplicatedService, (), (Replicas))

struct GlobalService {
    bool operator==(const GlobalService&) const = default;
};
BOOST_DESCRIBE_STRUCT(GlobalService, (), ())

struct ServiceMode {
    std::optional<ReplicatedService> Replicated;
    std::optional<GlobalService> Global;
    bool operator==(const ServiceMode&) const = default;
};
BOOST_DESCRIBE_STRUCT(ServiceMode, (), (Replicated, Global))

struct UpdateConfig {
    std::uint64_t Parallelism = 0;
    std::int64_t Delay = 0;
    std::string FailureAction;
    std::int64_t Monitor = 0;
    std::string Order; ///< stop-first | start-first
    bool operator==(const UpdateConfig&) const = default;
};
BOOST_DESCRIBE_STRUCT(UpdateConfig, (), (Parallelism, Delay, FailureAction, Monitor, Order))

struct PortConfig {
    std::string Name;
    std::string Protocol; ///< tcp | udp
    std::uint32_t TargetPort = 0;
    std::uint32_t PublishedPort = 0;
    std::string PublishMode; ///< host | ingress
    bool operator==(const PortConfig&) const = default;
};
BOOST_DESCRIBE_STRUCT(PortConfig, (), (Name, Protocol, TargetPort, PublishedPort, PublishMode))

struct EndpointSpec {
    std::string Mode; ///< dnsrr | vip
    std::vector<PortConfig> Ports;
    bool operator==(const EndpointSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(EndpointSpec, (), (Mode, Ports))

struct ServiceSpec {
    std::string Name;
    StringMap Labels;
    TaskSpec TaskTemplate;
    std::optional<ServiceMode> Mode; ///< unset: one replica
    std::optional<docker::UpdateConfig> UpdateConfig;
    std::optional<docker::EndpointSpec> EndpointSpec;
    bool operator==(const ServiceSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(ServiceSpec, (), (Name, Labels, TaskTemplate, Mode, UpdateConfig, EndpointSpec))

struct Service {
    std::string ID;
    ObjectVersion Version;
    std::string CreatedAt;
    std::string UpdatedAt;
    ServiceSpec Spec;
    bool operator==(const Service&) const = default;
};
BOOST_DESCRIBE_STRUCT(Service, (), (ID, Version, CreatedAt, UpdatedAt, Spec))

// ---- tasks

struct ContainerStatus {
    std::string ContainerID;
    std::int64_t PID = 0;
    std::int64_t ExitCode = 0;
    bool operator==(const ContainerStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerStatus, (), (ContainerID, PID, ExitCode))

struct TaskStatus {
    std::string Timestamp;
    std::string State; ///< new pending assigned accepted preparing ready starting running | complete shutdown failed rejected remove orphaned
    std::string Message;
    std::string Err;
    std::optional<docker::ContainerStatus> ContainerStatus;
    bool operator==(const TaskStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(TaskStatus, (), (Timestamp, State, Message, Err, ContainerStatus))

struct NetworkSpec {
    std::string Name;
    bool operator==(const NetworkSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(NetworkSpec, (), (Name))

struct AttachedNetwork {
    std::string ID;
    NetworkSpec Spec;
    bool operator==(const AttachedNetwork&) const = default;
};
BOOST_DESCRIBE_STRUCT(AttachedNetwork, (), (ID, Spec))

struct NetworkAttachment {
    AttachedNetwork Network;
    Strings Addresses; ///< "10.201.0.5/16"
    bool operator==(const NetworkAttachment&) const = default;
};
BOOST_DESCRIBE_STRUCT(NetworkAttachment, (), (Network, Addresses))

struct Task {
    std::string ID;
    ObjectVersion Version;
    std::string CreatedAt;
    std::string UpdatedAt;
    TaskSpec Spec;
    std::string ServiceID;
    std::int64_t Slot = 0;
    std::string NodeID; ///< empty until a node was found
    TaskStatus Status;
    std::string DesiredState; ///< running | shutdown | remove …
    std::vector<NetworkAttachment> NetworksAttachments;
    bool operator==(const Task&) const = default;
};
BOOST_DESCRIBE_STRUCT(Task, (),
    (ID, Version, CreatedAt, UpdatedAt, Spec, ServiceID, Slot, NodeID, Status, DesiredState, NetworksAttachments))

/// Whether a task in this state has ended for good. A state that we don't know counts as not ended.
bool task_ended(std::string_view state);
} // namespace berth::docker

namespace berth {

BERTH_JSON_EXTERN(docker::ServiceSpec)
BERTH_JSON_EXTERN(docker::Service)
BERTH_JSON_EXTERN(docker::Task)

} // namespace berth
