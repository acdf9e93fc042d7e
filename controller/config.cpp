#include "controller/config.hpp"

#include "api/types/warm_pool.hpp"

#include <boost/url/parse.hpp>

namespace berth {

namespace {

void add_backup_settings(std::vector<EnvSetting>& settings, Config& c)
{
    settings.push_back(env("BACKUP_DIR", c.backup_dir,
        "folder of the store's backups; empty: `backups` in DATA_DIR. One on another disk outlives that one"));
    settings.push_back(env("BACKUP_INTERVAL", c.backup_interval,
        "how often the store is backed up; 0s: only by POST /api/v1/backups"));
    settings.push_back(env("BACKUP_KEEP", c.backup_keep, "so many backups are kept"));
}

} // namespace

std::vector<EnvSetting> config_settings(Config& c)
{
    std::vector<EnvSetting> settings{
        env("LISTEN_ADDRESS", c.listen_address, "address that the API listens on"),
        env("PORT", c.port, "port of the API"),
        env("DATA_DIR", c.data_dir, "folder of the store; only one berthd can use it"),
        env("DOCKER_HOST", c.docker_host, "the manager's engine: unix:///path, tcp://host:port"),
        env("DOCKER_CERT_PATH", c.docker_cert_path, "folder with ca.pem, cert.pem and key.pem: TLS for a tcp:// engine"),
        env("API_KEY", c.api_key, "one key of at least 32 characters, role admin"),
        env("API_KEYS", c.api_keys, "keys separated by commas, each name:role:key, name:role:key:most containers at the "
                                    "same time, or a plain key (role admin); roles are admin, user, viewer, node, proxy"),
        env("API_KEYS_FILE", c.api_keys_file, "file with one such key per line"),
        env("RATE_LIMIT_PER_MINUTE", c.rate_limit_per_minute, "requests per minute and key (not of role node and proxy), and "
                                                              "failed authentications per address; 0 is no limit"),
        env("DOMAIN", c.domain, "workspaces are at {id}-code.DOMAIN, {id}-vnc.DOMAIN and {id}-web.DOMAIN"),
        env("PUBLIC_SCHEME", c.public_scheme, "http or https, in the URLs that Berth hands out"),
        env("PUBLIC_PORT", c.public_port, "port in those URLs; 0 is the scheme's own"),
        env("ROUTING_MODE", c.routing_mode, "host: one host name per workspace and port; path: all below one host, as "
                                            "/code/{id}/, for installs of one user"),
        env("ROUTE_SOURCE", c.route_source, "http: Traefik asks Berth for its routes; labels: for a Traefik of your "
                                            "own, written as Swarm labels on the services"),
        env("ROUTE_ENTRYPOINT", c.route_entrypoint, "labels: entry point of your Traefik for workspaces; empty: its defaults"),
        env("ROUTE_CERT_RESOLVER", c.route_cert_resolver, "labels: certificate resolver of your Traefik for workspaces"),
        env("EDGE_CALLBACK_URL", c.edge_callback_url,
            "where Traefik reaches this API, for slots of pools and for the page of stopped workspaces; empty: neither"),
        env("TRAEFIK_URL", c.traefik_url, "where Berth reaches Traefik to prove that a workspace's URL works"),
        env("EDGE_NETWORK", c.edge_network, "overlay network of the proxy and the workspaces; made when missing"),
        env("EDGE_SUBNET", c.edge_subnet, "its subnet; one address per workspace"),
        env("ISOLATION", c.isolation, "on: a workspace is usable only when its node has loaded its network filter"),
        env("PROXY_SERVICE", c.proxy_service, "Swarm service of a Traefik of your own, which workspaces let in; ours is "
                                              "known by its label dev.berth.role=proxy"),
        env("DOCKER_SWARM_ADVERTISE_ADDR", c.advertise_address,
            "address that other nodes reach this one by, for an engine that is in no Swarm yet"),
        env("INSTALL_ID", c.install_id, "marks what belongs to this install; made once and kept when not given"),
        env("WORKSPACE_IMAGE", c.workspace_image, "image of workspaces without a template"),
        env("RESOURCE_CPU_LIMIT", c.cpu_limit, "cores per workspace without a template"),
        env("RESOURCE_MEMORY_LIMIT", c.memory_limit, "memory per workspace without a template"),
        env("PRE_WARMED_QUEUE_SIZE", c.pre_warmed_queue_size,
            "slots that the warm pool `default` keeps ready; fewer when the nodes have no memory for them"),
        env("MAX_MEMORY_PERCENT", c.max_memory_percent, "no start while every node uses more of its memory than this"),
        env("INACTIVITY_TIMEOUT", c.inactivity_timeout, "a workspace that nobody has used for so long is stopped"),
        env("INACTIVITY_MODE", c.inactivity_mode, "what counts as use: all (files, editor, terminals, desktop), filesOnly, or "
                                                  "off: nothing is stopped. all and filesOnly are for workspaces that do "
                                                  "not say it themselves"),
        env("INACTIVITY_WARNING", c.inactivity_warning, "how long before that a workspace is warned; at most half of the time"),
        env("S3_ENDPOINT", c.s3_endpoint, "S3 server of requests that name none; empty is AWS"),
        env("S3_ENDPOINT_ALLOW", c.s3_endpoint_allow, "host names, addresses and CIDR ranges, separated by commas, that "
                                                      "requests may name as S3 endpoint although they are not public"),
        env("AWS_ACCESS_KEY_ID", c.s3_access_key, "its access key"),
        env("AWS_SECRET_ACCESS_KEY", c.s3_secret_key, "its secret key"),
        env("S3_KEY_FILE", c.s3_key_file, "file with both, one per line, instead of the two variables"),
        env("START_TIMEOUT", c.start_timeout, "a workspace that is not running after so long has failed; a restore in "
                                              "progress is not counted"),
        env("ARCHIVE_AFTER", c.archive_after, "a stopped workspace is archived after this: out of the lists, still readable "
                                              "and startable; its files in S3 are never touched"),
        env("AUDIT_KEEP", c.audit_keep, "how long lines of the audit log are kept; 0 is for ever"),
        env("RELIST_INTERVAL", c.relist_interval, "how often the Swarm is looked at when nothing seems to happen"),
    };
    add_backup_settings(settings, c);
    add_log_settings(settings, c.log);
    return settings;
}

namespace {

bool is_http_url(const std::string& text)
{
    const auto url = boost::urls::parse_uri(text);
    return url && (url->scheme() == "http" || url->scheme() == "https") && !url->host().empty();
}

bool is_route_word(const std::string& text)
{
    return std::all_of(text.begin(), text.end(),
        [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == ','; });
}

void check(const Config& config, Problems& problems)
{
    if (config.port == 0) problems.push_back({"PORT", "expected 1 to 65535"});
    if (config.public_scheme != "http" && config.public_scheme != "https")
        problems.push_back({"PUBLIC_SCHEME", "expected http or https"});
    if (config.domain.empty() || config.domain.find_first_of(" /:`") != std::string::npos)
        problems.push_back({"DOMAIN", "expected a host name without scheme and port"});
    if (!config.edge_callback_url.empty() && !is_http_url(config.edge_callback_url))
        problems.push_back({"EDGE_CALLBACK_URL", "expected an http or https URL"});
    for (const auto& [name, value] : {std::pair{"ROUTE_ENTRYPOINT", &config.route_entrypoint},
             std::pair{"ROUTE_CERT_RESOLVER", &config.route_cert_resolver}})
        if (!is_route_word(*value)) problems.push_back({name, "expected letters, digits, '-', '_' and commas"});
    if (!is_http_url(config.traefik_url)) problems.push_back({"TRAEFIK_URL", "expected an http or https URL"});
    if (!config.s3_endpoint.empty() && !is_http_url(config.s3_endpoint))
        problems.push_back({"S3_ENDPOINT", "expected an http or https URL"});
    if (!EndpointRules::parse(config.s3_endpoint_allow))
        problems.push_back({"S3_ENDPOINT_ALLOW", "expected host names, addresses and CIDR ranges"});
    if (config.cpu_limit < 0.1 || config.cpu_limit > 512)
        problems.push_back({"RESOURCE_CPU_LIMIT", "expected 0.1 to 512 cores"});
    if (config.memory_limit.bytes < (64LL << 20))
        problems.push_back({"RESOURCE_MEMORY_LIMIT", "expected at least 64m"});
    if (config.max_memory_percent < 1 || config.max_memory_percent > 100)
        problems.push_back({"MAX_MEMORY_PERCENT", "expected 1 to 100"});
    if (config.pre_warmed_queue_size > kMostSlots)
        problems.push_back({"PRE_WARMED_QUEUE_SIZE", "expected 0 to " + std::to_string(kMostSlots)});
    if (config.inactivity_timeout < std::chrono::seconds{10} || config.inactivity_timeout > std::chrono::days{30})
        problems.push_back({"INACTIVITY_TIMEOUT", "expected 10s to 30d; INACTIVITY_MODE=off stops nothing"});
    if (config.inactivity_warning < std::chrono::seconds{1})
        problems.push_back({"INACTIVITY_WARNING", "expected at least 1s"});
    if (config.start_timeout < std::chrono::seconds{5})
        problems.push_back({"START_TIMEOUT", "expected at least 5s"});
    if (config.archive_after < std::chrono::seconds{1})
        problems.push_back({"ARCHIVE_AFTER", "expected at least 1s"});
    if (config.audit_keep != Duration{0} && config.audit_keep < std::chrono::hours{1})
        problems.push_back({"AUDIT_KEEP", "expected 0 or at least 1h"});
    if (config.backup_interval != Duration{0} && config.backup_interval < std::chrono::minutes{1})
        problems.push_back({"BACKUP_INTERVAL", "expected 0 or at least 1m"});
    if (config.backup_keep < 1 || config.backup_keep > 1000)
        problems.push_back({"BACKUP_KEEP", "expected 1 to 1000"});
    if (config.relist_interval < std::chrono::seconds{1})
        problems.push_back({"RELIST_INTERVAL", "expected at least 1s"});
    if (config.s3_access_key.empty() != config.s3_secret_key.empty())
        problems.push_back({"AWS_SECRET_ACCESS_KEY", "the access key and the secret key are given together or not at all"});
}

} // namespace

EndpointRules endpoint_rules(const Config& config)
{
    auto rules = EndpointRules::parse(config.s3_endpoint_allow).value_or(EndpointRules{});
    if (auto edge = parse_ip_range(config.edge_subnet)) rules.deny(std::move(*edge));
    return rules;
}

Config load_config(const EnvLookup& lookup)
{
    Config config;
    load_environment(config_settings(config), lookup);
    read_key_pair(config.s3_key_file, "S3_KEY_FILE", config.s3_access_key, config.s3_secret_key);
    while (config.edge_callback_url.ends_with('/')) config.edge_callback_url.pop_back();
    Problems problems;
    check(config, problems);
    if (!problems.empty()) throw Error{std::move(problems)};
    return config;
}

} // namespace berth
