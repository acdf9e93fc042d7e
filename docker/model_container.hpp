#pragma once
// What is on one node: containers, their usage, volumes, images; and secrets.

#include "docker/model_service.hpp"

namespace berth::docker {

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
} // namespace berth::docker

namespace berth {

BERTH_JSON_EXTERN(docker::Container)
BERTH_JSON_EXTERN(docker::ContainerStats)

} // namespace berth
