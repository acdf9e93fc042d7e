#pragma once
// The Swarm itself: nodes, networks, the engine, events.

#include "docker/model_base.hpp"

namespace berth::docker {

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
} // namespace berth::docker

namespace berth {

BERTH_JSON_EXTERN(docker::Node)
BERTH_JSON_EXTERN(docker::Network)
BERTH_JSON_EXTERN(docker::SystemInfo)
BERTH_JSON_EXTERN(docker::Event)

} // namespace berth
