#include "node/config.hpp"

#include "controller/base/http_client.hpp"
#include "controller/base/ip_range.hpp"

#include <filesystem>

namespace berth {

namespace {

/// A key is given plain, or as a `name:role:key` line of the API's own key list.
std::string bare_key(const std::string& line)
{
    const auto colon = line.rfind(':');
    return colon == std::string::npos ? line : line.substr(colon + 1);
}

void check_endpoint(const std::string& value, const char* name, Problems& problems)
{
    try {
        Endpoint::parse(value);
    } catch (const Error&) {
        problems.push_back({name, "expected an address like http://host:port or unix:///path"});
    }
}

void check(const NodeConfig& config)
{
    Problems problems;
    check_endpoint(config.berth_url, "BERTH_URL", problems);
    check_endpoint(config.docker_host, "DOCKER_HOST", problems);
    if (!config.s3_endpoint.empty()) check_endpoint(config.s3_endpoint, "S3_ENDPOINT", problems);
    if (config.node_key.empty()) problems.push_back({"NODE_KEY", "or NODE_KEY_FILE is required"});
    if (!config.data_dir.starts_with('/')) problems.push_back({"DATA_DIR", "expected an absolute path"});
    // A Unix socket's path has 107 bytes, and the folder holds one.
    if (config.data_dir.size() > 80) problems.push_back({"DATA_DIR", "longer than 80 characters"});
    const auto positive = [&](Duration value, const char* name) {
        if (value < std::chrono::milliseconds{100}) problems.push_back({name, "expected at least 100ms"});
    };
    positive(config.sync_interval, "SYNC_INTERVAL");
    positive(config.full_scan_interval, "FULL_SCAN_INTERVAL");
    positive(config.compare_interval, "COMPARE_INTERVAL");
    positive(config.probe_interval, "PROBE_INTERVAL");
    positive(config.report_interval, "REPORT_INTERVAL");
    positive(config.relist_interval, "RELIST_INTERVAL");
    positive(config.isolation_check_interval, "ISOLATION_CHECK_INTERVAL");
    const auto ranges = [&](const std::string& list, const char* name) {
        if (!parse_ip_ranges(list)) problems.push_back({name, "expected CIDRs separated by commas"});
    };
    ranges(config.isolation_allow, "ISOLATION_ALLOW");
    ranges(config.isolation_deny, "ISOLATION_DENY");
    ranges(config.isolation_resolvers, "ISOLATION_RESOLVERS");
    if (config.trash_days < 1) problems.push_back({"TRASH_DAYS", "expected at least 1"});
    if (!problems.empty()) throw Error{std::move(problems)};
}

} // namespace

std::vector<EnvSetting> node_settings(NodeConfig& config)
{
    std::vector<EnvSetting> settings{
        env("BERTH_URL", config.berth_url, "where berthd answers"),
        env("NODE_KEY", config.node_key, "the API key of role node"),
        env("NODE_KEY_FILE", config.node_key_file, "file with that key, instead of NODE_KEY"),
        env("DOCKER_HOST", config.docker_host, "the engine of this node"),
        env("DATA_DIR", config.data_dir, "journals and files on their way; survives restarts"),
        env("NETNS_DIR", config.netns_dir, "the engine's folder of network namespaces, as seen from here"),
        env("VOLUMES_DIR", config.volumes_dir, "the engine's folder of volumes, as seen from here"),
        env("PROC_DIR", config.proc_dir,
            "the host's /proc, as seen from here: signs of use are looked for in containers through it"),
        env("INACTIVITY_MODE", config.inactivity_mode,
            "as berthd's: a warning says what would keep the workspace"),
        env("EDGE_NETWORK", config.edge_network, "the network whose address is reported"),
        env("INSTALL_ID", config.install_id,
            "look only at containers and volumes of this install; empty: those whose "
            "workspace berthd knows"),
        env("RCLONE", config.rclone, "the rclone program"),
        env("ISOLATION", config.isolation,
            "on: a packet filter around every workspace; off: none, and what is there is opened"),
        env("ISOLATION_ALLOW", config.isolation_allow,
            "private ranges that workspaces may reach, as CIDRs separated by commas; never the install's own "
            "networks and nodes"),
        env("ISOLATION_DENY", config.isolation_deny, "further ranges that they may not reach"),
        env("ISOLATION_RESOLVERS", config.isolation_resolvers,
            "DNS servers that Docker's resolver asks for workspaces (port 53 to them stays open); empty: those of "
            "RESOLV_CONF"),
        env("ISOLATION_CHECK_INTERVAL", config.isolation_check_interval,
            "how often a filter is compared with what was loaded"),
        env("HOST_NET_DIR", config.host_net_dir,
            "the host's /proc/1/net, as seen from here: its own addresses are closed to workspaces"),
        env("RESOLV_CONF", config.resolv_conf, "the host's resolv.conf, as seen from here"),
        env("SYNC_INTERVAL", config.sync_interval, "how often changed files go to S3"),
        env("FULL_SCAN_INTERVAL", config.full_scan_interval,
            "how often the folder is walked without a hint"),
        env("COMPARE_INTERVAL", config.compare_interval,
            "how often everything is compared with S3, which brings here what others changed"),
        env("PROBE_INTERVAL", config.probe_interval, "how often a healthy workspace is probed"),
        env("REPORT_INTERVAL", config.report_interval, "how often the node tells that it is there, and what has moved"),
        env("RELIST_INTERVAL", config.relist_interval,
            "how often containers and volumes are listed without a hint"),
        env("TRASH_DAYS", config.trash_days,
            "how long deleted and overwritten files stay in the trash prefix"),
        env("S3_ENDPOINT", config.s3_endpoint, "for workspaces that name none of their own"),
        env("AWS_ACCESS_KEY_ID", config.s3_access_key, "for workspaces without a key of their own"),
        env("AWS_SECRET_ACCESS_KEY", config.s3_secret_key, "belongs to AWS_ACCESS_KEY_ID"),
        env("S3_KEY_FILE", config.s3_key_file, "file with these two, one a line"),
    };
    add_log_settings(settings, config.log);
    return settings;
}

NodeConfig load_node_config(const EnvLookup& lookup)
{
    NodeConfig config;
    load_environment(node_settings(config), lookup);
    if (!config.node_key_file.empty()) {
        const auto lines = read_setting_file(config.node_key_file, "NODE_KEY_FILE");
        config.node_key = Secret{bare_key(lines.front())};
    }
    read_key_pair(config.s3_key_file, "S3_KEY_FILE", config.s3_access_key, config.s3_secret_key);
    while (config.berth_url.ends_with('/')) config.berth_url.pop_back();
    while (config.s3_endpoint.ends_with('/')) config.s3_endpoint.pop_back();
    check(config);
    return config;
}

std::string netns_path(const NodeConfig& config, const std::string& sandbox)
{
    return config.netns_dir + "/" + std::filesystem::path(sandbox).filename().string();
}

std::string node_help()
{
    NodeConfig defaults;
    return "berth-node: the agent of one node of a Berth install. It takes no arguments but --help; its "
           "settings are\n"
           "environment variables:\n\n" +
           describe_environment(node_settings(defaults));
}

} // namespace berth
