#include "controller/config.hpp"

#include <boost/url/parse.hpp>

namespace berth {

std::vector<EnvSetting> config_settings(Config& c)
{
    std::vector<EnvSetting> settings{
        env("LISTEN_ADDRESS", c.listen_address, "address that the API listens on"),
        env("PORT", c.port, "port of the API"),
        env("DATA_DIR", c.data_dir, "folder of the store; only one berthd can use it"),
        env("DOCKER_HOST", c.docker_host, "the manager's engine: unix:///path, tcp://host:port"),
        env("DOCKER_CERT_PATH", c.docker_cert_path, "folder with ca.pem, cert.pem and key.pem: TLS for a tcp:// engine"),
        env("API_KEY", c.api_key, "one key of at least 32 characters, role admin"),
        env("API_KEYS", c.api_keys, "keys separated by commas, each name:role:key or a plain key (role admin); "
                                    "roles are admin, user, viewer, node, proxy"),
        env("API_KEYS_FILE", c.api_keys_file, "file with one such key per line"),
        env("RATE_LIMIT_PER_MINUTE", c.rate_limit_per_minute, "requests per minute and user key; 0 is no limit"),
        env("DOMAIN", c.domain, "workspaces are at {id}-code.DOMAIN, {id}-vnc.DOMAIN and {id}-web.DOMAIN"),
        env("PUBLIC_SCHEME", c.public_scheme, "http or https, in the URLs that Berth hands out"),
        env("PUBLIC_PORT", c.public_port, "port in those URLs; 0 is the scheme's own"),
        env("ROUTING_MODE", c.routing_mode, "host: one host name per workspace and port; the only mode of this version"),
        env("ROUTE_SOURCE", c.route_source, "http: Traefik asks Berth for its routes; labels: for a Traefik of your "
                                            "own, written as Swarm labels on the services"),
        env("TRAEFIK_URL", c.traefik_url, "where Berth reaches Traefik to prove that a workspace's URL works"),
        env("EDGE_NETWORK", c.edge_network, "overlay network of the proxy and the workspaces; made when missing"),
        env("EDGE_SUBNET", c.edge_subnet, "its subnet; one address per workspace"),
        env("DOCKER_SWARM_ADVERTISE_ADDR", c.advertise_address,
            "address that other nodes reach this one by, for an engine that is in no Swarm yet"),
        env("INSTALL_ID", c.install_id, "marks what belongs to this install; made once and kept when not given"),
        env("WORKSPACE_IMAGE", c.workspace_image, "image of workspaces without a template"),
        env("RESOURCE_CPU_LIMIT", c.cpu_limit, "cores per workspace without a template"),
        env("RESOURCE_MEMORY_LIMIT", c.memory_limit, "memory per workspace without a template"),
        env("MAX_MEMORY_PERCENT", c.max_memory_percent, "no start while every node uses more of its memory than this"),
        env("S3_ENDPOINT", c.s3_endpoint, "S3 server of requests that name none; empty is AWS"),
        env("AWS_ACCESS_KEY_ID", c.s3_access_key, "its access key"),
        env("AWS_SECRET_ACCESS_KEY", c.s3_secret_key, "its secret key"),
        env("S3_KEY_FILE", c.s3_key_file, "file with both, one per line, instead of the two variables"),
        env("RELIST_INTERVAL", c.relist_interval, "how often the Swarm is looked at when nothing seems to happen"),
    };
    add_log_settings(settings, c.log);
    return settings;
}

namespace {

void read_s3_keys(Config& config)
{
    if (config.s3_key_file.empty()) return;
    const auto lines = read_setting_file(config.s3_key_file, "S3_KEY_FILE", 2);
    config.s3_access_key = lines[0];
    config.s3_secret_key = Secret{lines[1]};
}

bool is_http_url(const std::string& text)
{
    const auto url = boost::urls::parse_uri(text);
    return url && (url->scheme() == "http" || url->scheme() == "https") && !url->host().empty();
}

void check(const Config& config, Problems& problems)
{
    if (config.port == 0) problems.push_back({"PORT", "expected 1 to 65535"});
    if (config.public_scheme != "http" && config.public_scheme != "https")
        problems.push_back({"PUBLIC_SCHEME", "expected http or https"});
    if (config.domain.empty() || config.domain.find_first_of(" /:`") != std::string::npos)
        problems.push_back({"DOMAIN", "expected a host name without scheme and port"});
    if (config.routing_mode != RoutingMode::host) problems.push_back({"ROUTING_MODE", "only host works in this version"});
    if (!is_http_url(config.traefik_url)) problems.push_back({"TRAEFIK_URL", "expected an http or https URL"});
    if (!config.s3_endpoint.empty() && !is_http_url(config.s3_endpoint))
        problems.push_back({"S3_ENDPOINT", "expected an http or https URL"});
    if (config.cpu_limit < 0.1 || config.cpu_limit > 512)
        problems.push_back({"RESOURCE_CPU_LIMIT", "expected 0.1 to 512 cores"});
    if (config.memory_limit.bytes < (64LL << 20))
        problems.push_back({"RESOURCE_MEMORY_LIMIT", "expected at least 64m"});
    if (config.max_memory_percent < 1 || config.max_memory_percent > 100)
        problems.push_back({"MAX_MEMORY_PERCENT", "expected 1 to 100"});
    if (config.relist_interval < std::chrono::seconds{1})
        problems.push_back({"RELIST_INTERVAL", "expected at least 1s"});
    if (config.s3_access_key.empty() != config.s3_secret_key.empty())
        problems.push_back({"AWS_SECRET_ACCESS_KEY", "the access key and the secret key are given together or not at all"});
}

} // namespace

Config load_config(const EnvLookup& lookup)
{
    Config config;
    load_environment(config_settings(config), lookup);
    read_s3_keys(config);
    Problems problems;
    check(config, problems);
    if (!problems.empty()) throw Error{std::move(problems)};
    return config;
}

} // namespace berth
