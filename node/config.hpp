#pragma once
// Settings of berth-node, from environment variables. Read once by main; plain values afterwards.

#include "api/types/workspace.hpp"
#include "controller/base/log_settings.hpp"

#include <string>
#include <vector>

namespace berth {

struct NodeConfig {
    std::string berth_url = "http://berthd:3001";
    Secret node_key;
    std::string node_key_file;
    std::string docker_host = "unix:///var/run/docker.sock";
    std::string data_dir = "/var/lib/berth-node";
    std::string netns_dir = "/var/run/docker/netns";
    std::string volumes_dir = "/var/lib/docker/volumes";
    std::string proc_dir = "/proc";
    IdleMode inactivity_mode = IdleMode::all;
    std::string edge_network = "berth-edge";
    std::string install_id;
    std::string rclone = "rclone";
    Switch isolation = Switch::on;
    std::string isolation_allow;
    std::string isolation_deny;
    std::string isolation_resolvers;
    Duration isolation_check_interval = std::chrono::minutes{1};
    std::string host_net_dir = "/proc/1/net";
    std::string resolv_conf = "/etc/resolv.conf";
    Duration sync_interval = std::chrono::seconds{15};
    Duration full_scan_interval = std::chrono::minutes{5};
    Duration compare_interval = std::chrono::minutes{10};
    Duration probe_interval = std::chrono::seconds{30};
    Duration report_interval = std::chrono::seconds{30};
    Duration relist_interval = std::chrono::seconds{30};
    std::int64_t trash_days = 30;
    std::string s3_endpoint;
    std::string s3_access_key;
    Secret s3_secret_key;
    std::string s3_key_file;
    LogSettings log;
};

/// The table of variables over `config`, which must outlive it.
std::vector<EnvSetting> node_settings(NodeConfig& config);
/// Reads the variables and the key files. Throws Error{Invalid} that names every wrong variable.
NodeConfig load_node_config(const EnvLookup& lookup);
/// The network namespace of a container with this sandbox (as the engine names it), as a path from here. Pure.
std::string netns_path(const NodeConfig& config, const std::string& sandbox);
/// The text of --help.
std::string node_help();

} // namespace berth
