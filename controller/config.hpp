#pragma once
// What berthd reads from its environment.

#include "api/types/urls.hpp"
#include "api/types/workspace.hpp"
#include "controller/base/endpoint_rules.hpp"
#include "controller/base/log_settings.hpp"

namespace berth {

enum class RouteSource { http, labels };
BOOST_DESCRIBE_ENUM(RouteSource, http, labels)

struct Config {
    std::string listen_address = "0.0.0.0";
    std::uint16_t port = 3001;
    std::string data_dir = "/var/lib/berth";
    std::string docker_host = "unix:///var/run/docker.sock";
    std::string docker_cert_path;
    Secret api_key;
    Secret api_keys;
    std::string api_keys_file;
    std::uint32_t rate_limit_per_minute = 100;

    std::string domain = "localhost";
    std::string public_scheme = "http";
    std::uint16_t public_port = 0;
    RoutingMode routing_mode = RoutingMode::host;
    RouteSource route_source = RouteSource::http;
    std::string traefik_url = "http://traefik:80";
    std::string edge_callback_url = "http://berthd:3001";
    std::string route_entrypoint;
    std::string route_cert_resolver;

    std::string edge_network = "berth-edge";
    std::string edge_subnet = "10.201.0.0/16";
    Switch isolation = Switch::on;
    std::string proxy_service;
    std::string advertise_address;
    std::string install_id;

    std::string workspace_image = "berth/workspace:latest";
    double cpu_limit = 2;
    ByteSize memory_limit{4LL << 30};
    std::uint32_t max_memory_percent = 90;
    std::uint32_t pre_warmed_queue_size = 10;

    Duration inactivity_timeout = std::chrono::minutes{10};
    IdleMode inactivity_mode = IdleMode::all;
    Duration inactivity_warning = std::chrono::minutes{2};

    std::string s3_endpoint;
    std::string s3_endpoint_allow;
    std::string s3_access_key;
    Secret s3_secret_key;
    std::string s3_key_file;

    Duration start_timeout = std::chrono::minutes{5};
    Duration archive_after = std::chrono::hours{24};
    Duration audit_keep = std::chrono::days{90};
    std::string backup_dir;
    Duration backup_interval = std::chrono::hours{12};
    std::uint32_t backup_keep = 5;
    Duration relist_interval = std::chrono::seconds{30};
    LogSettings log;
};

/// The one table of variables; refers into `config`.
std::vector<EnvSetting> config_settings(Config& config);
/// Which S3 servers users may name, beside the install's own.
EndpointRules endpoint_rules(const Config& config);
/// Reads the environment and the key files that it names, and checks what single values can't say.
/// Throws Error{Invalid} with the names of the variables.
Config load_config(const EnvLookup& lookup);

} // namespace berth
