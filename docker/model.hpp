#pragma once
// Docker's wire types, in Docker's spelling, with the members that Berth uses. Decoded with Unknown::Ignore; sent by
// encode_request(), which leaves out what is not set. Value types; any thread. Durations are nanoseconds, sizes bytes.
// Times stay text (see parse_time): one odd time must not spoil a whole list.

#include "controller/base/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::docker {

using StringMap = std::map<std::string, std::string>;
using Strings = std::vector<std::string>;

struct ObjectVersion {
    std::uint64_t Index = 0;
    bool operator==(const ObjectVersion&) const = default;
};
BOOST_DESCRIBE_STRUCT(ObjectVersion, (), (Index))

struct Driver {
    std::string Name;
    StringMap Options;
    bool operator==(const Driver&) const = default;
};
BOOST_DESCRIBE_STRUCT(Driver, (), (Name, Options))

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

// ---- nodes

struct NodeSpec {
    std::string Name;
    StringMap Labels;
    std::string Role;         ///< manager | worker
    std::string Availability; ///< active | pause | drain
    bool operator==(const NodeSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeSpec, (), (Name, Labels, Role, Availability))

struct Platform {
    std::string Architecture;
    std::string OS;
    bool operator==(const Platform&) const = default;
};
BOOST_DESCRIBE_STRUCT(Platform, (), (Architecture, OS))

struct NodeResources {
    std::int64_t NanoCPUs = 0;
    std::int64_t MemoryBytes = 0;
    bool operator==(const NodeResources&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeResources, (), (NanoCPUs, MemoryBytes))

struct NodeEngine {
    std::string EngineVersion;
    StringMap Labels;
    bool operator==(const NodeEngine&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeEngine, (), (EngineVersion, Labels))

struct NodeDescription {
    std::string Hostname;
    docker::Platform Platform;
    NodeResources Resources;
    NodeEngine Engine;
    bool operator==(const NodeDescription&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeDescription, (), (Hostname, Platform, Resources, Engine))

struct NodeStatus {
    std::string State; ///< ready | down | unknown | disconnected
    std::string Message;
    std::string Addr;
    bool operator==(const NodeStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeStatus, (), (State, Message, Addr))

struct ManagerStatus {
    bool Leader = false;
    std::string Reachability;
    std::string Addr;
    bool operator==(const ManagerStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(ManagerStatus, (), (Leader, Reachability, Addr))

struct Node {
    std::string ID;
    ObjectVersion Version;
    std::string CreatedAt;
    std::string UpdatedAt;
    NodeSpec Spec;
    NodeDescription Description;
    NodeStatus Status;
    std::optional<docker::ManagerStatus> ManagerStatus;
    bool operator==(const Node&) const = default;
};
BOOST_DESCRIBE_STRUCT(Node, (), (ID, Version, CreatedAt, UpdatedAt, Spec, Description, Status, ManagerStatus))

// ---- networks

struct IPAMConfig {
    std::string Subnet;
    std::string IPRange;
    std::string Gateway;
    bool operator==(const IPAMConfig&) const = default;
};
BOOST_DESCRIBE_STRUCT(IPAMConfig, (), (Subnet, IPRange, Gateway))

struct IPAM {
    std::string Driver;
    std::vector<IPAMConfig> Config;
    bool operator==(const IPAM&) const = default;
};
BOOST_DESCRIBE_STRUCT(IPAM, (), (Driver, Config))

struct NetworkEndpoint {
    std::string Name;
    std::string IPv4Address; ///< with prefix length
    bool operator==(const NetworkEndpoint&) const = default;
};
BOOST_DESCRIBE_STRUCT(NetworkEndpoint, (), (Name, IPv4Address))

struct Network {
    std::string Id;
    std::string Name;
    std::string Created;
    std::string Scope; ///< local | swarm
    std::string Driver;
    docker::IPAM IPAM;
    bool Internal = false;
    bool Attachable = false;
    bool Ingress = false;
    std::map<std::string, NetworkEndpoint> Containers; ///< only by inspect, only this node's
    StringMap Options;
    StringMap Labels;
    bool operator==(const Network&) const = default;
};
BOOST_DESCRIBE_STRUCT(Network, (),
    (Id, Name, Created, Scope, Driver, IPAM, Internal, Attachable, Ingress, Containers, Options, Labels))

struct NetworkCreate {
    std::string Name;
    bool CheckDuplicate = true;
    std::string Driver = "overlay";
    bool Internal = false;
    bool Attachable = false;
    std::optional<docker::IPAM> IPAM;
    StringMap Options;
    StringMap Labels;
};
BOOST_DESCRIBE_STRUCT(
    NetworkCreate, (), (Name, CheckDuplicate, Driver, Internal, Attachable, IPAM, Options, Labels))

// ---- containers of one node

struct EndpointSettings {
    std::string NetworkID;
    std::string EndpointID;
    std::string Gateway;
    std::string IPAddress;
    std::int64_t IPPrefixLen = 0;
    std::string MacAddress;
    Strings Aliases;
    bool operator==(const EndpointSettings&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    EndpointSettings, (), (NetworkID, EndpointID, Gateway, IPAddress, IPPrefixLen, MacAddress, Aliases))

struct MountPoint {
    std::string Type;
    std::string Name;
    std::string Source;
    std::string Destination;
    std::string Driver;
    bool RW = false;
    bool operator==(const MountPoint&) const = default;
};
BOOST_DESCRIBE_STRUCT(MountPoint, (), (Type, Name, Source, Destination, Driver, RW))

struct SummaryNetworkSettings {
    std::map<std::string, EndpointSettings> Networks;
    bool operator==(const SummaryNetworkSettings&) const = default;
};
BOOST_DESCRIBE_STRUCT(SummaryNetworkSettings, (), (Networks))

/// As GET /containers/json gives it.
struct ContainerSummary {
    std::string Id;
    Strings Names; ///< with a leading slash
    std::string Image;
    std::string ImageID;
    std::int64_t Created = 0; ///< seconds since 1970
    StringMap Labels;
    std::string State; ///< created | running | paused | restarting | removing | exited | dead
    std::string Status;
    SummaryNetworkSettings NetworkSettings;
    std::vector<MountPoint> Mounts;
    bool operator==(const ContainerSummary&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    ContainerSummary, (), (Id, Names, Image, ImageID, Created, Labels, State, Status, NetworkSettings, Mounts))

struct ContainerHealth {
    std::string Status; ///< none | starting | healthy | unhealthy
    std::int64_t FailingStreak = 0;
    bool operator==(const ContainerHealth&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerHealth, (), (Status, FailingStreak))

struct ContainerState {
    std::string Status;
    bool Running = false;
    bool Paused = false;
    bool Restarting = false;
    bool OOMKilled = false;
    bool Dead = false;
    std::int64_t Pid = 0;
    std::int64_t ExitCode = 0;
    std::string Error;
    std::string StartedAt;
    std::string FinishedAt;
    std::optional<ContainerHealth> Health;
    bool operator==(const ContainerState&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerState, (),
    (Status, Running, Paused, Restarting, OOMKilled, Dead, Pid, ExitCode, Error, StartedAt, FinishedAt, Health))

struct ContainerSettings {
    std::string Hostname;
    std::string User;
    Strings Env;
    std::string Image;
    StringMap Labels;
    bool operator==(const ContainerSettings&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerSettings, (), (Hostname, User, Env, Image, Labels))

struct NetworkSettings {
    std::string SandboxID;
    std::string SandboxKey; ///< path of the network namespace, as dockerd sees it
    std::map<std::string, EndpointSettings> Networks;
    bool operator==(const NetworkSettings&) const = default;
};
BOOST_DESCRIBE_STRUCT(NetworkSettings, (), (SandboxID, SandboxKey, Networks))

/// As GET /containers/{id}/json gives it.
struct Container {
    std::string Id;
    std::string Created;
    ContainerState State;
    std::string Image; ///< image id
    std::string Name;  ///< with a leading slash
    std::int64_t RestartCount = 0;
    std::vector<MountPoint> Mounts;
    ContainerSettings Config;
    docker::NetworkSettings NetworkSettings;
    bool operator==(const Container&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    Container, (), (Id, Created, State, Image, Name, RestartCount, Mounts, Config, NetworkSettings))

struct HostConfig {
    Strings Binds;
    std::vector<Mount> Mounts;
    std::string NetworkMode;
    bool AutoRemove = false;
    bool ReadonlyRootfs = false;
    std::int64_t NanoCpus = 0;
    std::int64_t Memory = 0;
    std::int64_t PidsLimit = 0;
    Strings CapAdd;
    Strings CapDrop;
    Strings SecurityOpt;
    std::optional<bool> Init;
};
BOOST_DESCRIBE_STRUCT(HostConfig, (),
    (Binds, Mounts, NetworkMode, AutoRemove, ReadonlyRootfs, NanoCpus, Memory, PidsLimit, CapAdd, CapDrop, SecurityOpt,
        Init))

struct ContainerCreate {
    std::string Image;
    Strings Entrypoint;
    Strings Cmd;
    Strings Env;
    std::string User;
    std::string WorkingDir;
    StringMap Labels;
    bool Tty = false;
    docker::HostConfig HostConfig;
};
BOOST_DESCRIBE_STRUCT(
    ContainerCreate, (), (Image, Entrypoint, Cmd, Env, User, WorkingDir, Labels, Tty, HostConfig))

struct ExecCreate {
    Strings Cmd;
    Strings Env;
    std::string User;
    std::string WorkingDir;
    bool AttachStdout = true;
    bool AttachStderr = true;
    bool Tty = false;
};
BOOST_DESCRIBE_STRUCT(ExecCreate, (), (Cmd, Env, User, WorkingDir, AttachStdout, AttachStderr, Tty))

struct ExecState {
    std::string ID;
    bool Running = false;
    std::optional<std::int64_t> ExitCode;
    std::int64_t Pid = 0;
};
BOOST_DESCRIBE_STRUCT(ExecState, (), (ID, Running, ExitCode, Pid))

// ---- usage of one container (GET /containers/{id}/stats)

struct CpuUsage {
    std::uint64_t total_usage = 0; ///< nanoseconds of CPU since the container started
};
BOOST_DESCRIBE_STRUCT(CpuUsage, (), (total_usage))

struct CpuStats {
    CpuUsage cpu_usage;
    std::uint64_t system_cpu_usage = 0;
    std::uint32_t online_cpus = 0;
};
BOOST_DESCRIBE_STRUCT(CpuStats, (), (cpu_usage, system_cpu_usage, online_cpus))

struct MemoryStats {
    std::uint64_t usage = 0; ///< with the page cache; see used_memory()
    std::uint64_t limit = 0;
    std::map<std::string, std::uint64_t> stats;
};
BOOST_DESCRIBE_STRUCT(MemoryStats, (), (usage, limit, stats))

struct PidsStats {
    std::uint64_t current = 0;
};
BOOST_DESCRIBE_STRUCT(PidsStats, (), (current))

struct NetworkStats {
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(NetworkStats, (), (rx_bytes, tx_bytes))

struct ContainerStats {
    std::string read; ///< when
    CpuStats cpu_stats;
    MemoryStats memory_stats;
    PidsStats pids_stats;
    std::map<std::string, NetworkStats> networks;
};
BOOST_DESCRIBE_STRUCT(ContainerStats, (), (read, cpu_stats, memory_stats, pids_stats, networks))

/// Memory in use without the inactive page cache, as `docker stats` shows it (cgroup v1 and v2).
std::uint64_t used_memory(const MemoryStats& memory);

// ---- volumes, secrets, images

struct Volume {
    std::string Name;
    std::string Driver;
    std::string Mountpoint;
    std::string CreatedAt;
    StringMap Labels;
    std::string Scope;
    bool operator==(const Volume&) const = default;
};
BOOST_DESCRIBE_STRUCT(Volume, (), (Name, Driver, Mountpoint, CreatedAt, Labels, Scope))

struct VolumeCreate {
    std::string Name;
    std::string Driver;
    StringMap DriverOpts;
    StringMap Labels;
};
BOOST_DESCRIBE_STRUCT(VolumeCreate, (), (Name, Driver, DriverOpts, Labels))

struct SecretInfoSpec {
    std::string Name;
    StringMap Labels;
    bool operator==(const SecretInfoSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(SecretInfoSpec, (), (Name, Labels))

/// A Swarm secret without its content: the engine never gives that out.
struct SecretInfo {
    std::string ID;
    ObjectVersion Version;
    std::string CreatedAt;
    SecretInfoSpec Spec;
    bool operator==(const SecretInfo&) const = default;
};
BOOST_DESCRIBE_STRUCT(SecretInfo, (), (ID, Version, CreatedAt, Spec))

struct ImageSummary {
    std::string Id;
    Strings RepoTags;
    Strings RepoDigests;
    std::int64_t Created = 0;
    std::int64_t Size = 0;
    StringMap Labels;
    bool operator==(const ImageSummary&) const = default;
};
BOOST_DESCRIBE_STRUCT(ImageSummary, (), (Id, RepoTags, RepoDigests, Created, Size, Labels))

// ---- the engine itself

struct EngineVersion {
    std::string Version;
    std::string ApiVersion;
    std::string MinAPIVersion;
    std::string Os;
    std::string Arch;
    std::string KernelVersion;
};
BOOST_DESCRIBE_STRUCT(EngineVersion, (), (Version, ApiVersion, MinAPIVersion, Os, Arch, KernelVersion))

struct SwarmInfo {
    std::string NodeID;
    std::string NodeAddr;
    std::string LocalNodeState; ///< inactive | pending | active | error | locked
    bool ControlAvailable = false;
    std::string Error;
};
BOOST_DESCRIBE_STRUCT(SwarmInfo, (), (NodeID, NodeAddr, LocalNodeState, ControlAvailable, Error))

struct SystemInfo {
    std::string ID;
    std::string Name;
    std::string ServerVersion;
    std::int64_t NCPU = 0;
    std::int64_t MemTotal = 0;
    std::int64_t Containers = 0;
    std::int64_t ContainersRunning = 0;
    std::int64_t Images = 0;
    std::string DockerRootDir;
    std::string OperatingSystem;
    std::string KernelVersion;
    std::string CgroupVersion;
    SwarmInfo Swarm;
};
BOOST_DESCRIBE_STRUCT(SystemInfo, (),
    (ID, Name, ServerVersion, NCPU, MemTotal, Containers, ContainersRunning, Images, DockerRootDir, OperatingSystem,
        KernelVersion, CgroupVersion, Swarm))

struct SwarmInit {
    std::string ListenAddr;
    std::string AdvertiseAddr;
    std::uint32_t DataPathPort = 0;
    Strings DefaultAddrPool;
    std::uint32_t SubnetSize = 0;
};
BOOST_DESCRIBE_STRUCT(SwarmInit, (), (ListenAddr, AdvertiseAddr, DataPathPort, DefaultAddrPool, SubnetSize))

struct JoinTokens {
    std::string Worker;
    std::string Manager;
};
BOOST_DESCRIBE_STRUCT(JoinTokens, (), (Worker, Manager))

struct Swarm {
    std::string ID;
    docker::JoinTokens JoinTokens;
};
BOOST_DESCRIBE_STRUCT(Swarm, (), (ID, JoinTokens))

// ---- events

struct EventActor {
    std::string ID;
    StringMap Attributes; ///< name, image, exitCode, and the labels of a container
    bool operator==(const EventActor&) const = default;
};
BOOST_DESCRIBE_STRUCT(EventActor, (), (ID, Attributes))

struct Event {
    std::string Type;   ///< service | node | network | container | volume | secret | config | image | daemon
    std::string Action; ///< create | update | remove | start | die | "health_status: healthy" …
    EventActor Actor;
    std::string scope; ///< local | swarm
    std::int64_t timeNano = 0;
    bool operator==(const Event&) const = default;
};
BOOST_DESCRIBE_STRUCT(Event, (), (Type, Action, Actor, scope, timeNano))

// ---- requests

/// JSON for a request: without the members that are not set, which for the engine means the same (an unset optional,
/// an empty string, list or map, zero, false, a struct with nothing set). What an optional holds is always sent.
template <class T>
json::value encode_request(const T& value)
{
    namespace described = berth::detail;
    if constexpr (described::is_optional<T>::value) {
        return value ? encode_request(*value) : json::value(nullptr);
    } else if constexpr (described::is_vector<T>::value) {
        json::array array;
        for (const auto& item : value) array.push_back(encode_request(item));
        return array;
    } else if constexpr (described::DescribedStruct<T>) {
        json::object object;
        boost::mp11::mp_for_each<described::members<T>>([&](auto member) {
            using Member = std::remove_cvref_t<decltype(value.*member.pointer)>;
            auto encoded = encode_request(value.*member.pointer);
            bool unset = false;
            if constexpr (described::is_optional<Member>::value) unset = !(value.*member.pointer).has_value();
            else if constexpr (described::DescribedStruct<Member>) unset = encoded.get_object().empty();
            else if constexpr (std::is_arithmetic_v<Member>) unset = value.*member.pointer == Member{};
            else unset = (value.*member.pointer).empty();
            if (!unset) object[wire_name(member.name)] = std::move(encoded);
        });
        return object;
    } else {
        return encode(value);
    }
}

} // namespace berth::docker
