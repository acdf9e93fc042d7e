#include "api/types/workspace.hpp"

#include <boost/url/parse.hpp>

namespace berth {

namespace {

constexpr std::int64_t kMaxRestarts = 1'000'000'000;
constexpr std::size_t kMaxEnv = 128;
constexpr std::size_t kMaxEnvValue = 32 * 1024;

/// S3 bucket names: 3 to 63 of a-z, 0-9, '.', '-', beginning and ending with a letter or digit.
bool is_bucket_name(std::string_view name)
{
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (name.size() < 3 || name.size() > 63 || !plain(name.front()) || !plain(name.back())) return false;
    if (name.find("..") != std::string_view::npos) return false;
    return std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '.' || c == '-'; });
}

bool has_control_character(std::string_view text)
{
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool is_clean_prefix(std::string_view prefix)
{
    if (prefix.size() > 512 || has_control_character(prefix)) return false;
    while (!prefix.empty()) {
        const auto part = prefix.substr(0, prefix.find('/'));
        if (part.empty() || part == "." || part == ".." || part == ".berth") return false;
        prefix.remove_prefix(std::min(part.size() + 1, prefix.size()));
    }
    return true;
}

/// A server, not a page: no user, path, query or fragment that a request could be bent with.
bool is_endpoint(const std::string& text)
{
    const auto url = boost::urls::parse_uri(text);
    return url && text.size() <= 512 && (url->scheme() == "http" || url->scheme() == "https") &&
           !url->host().empty() && !url->has_userinfo() && !url->has_query() && !url->has_fragment() &&
           (url->encoded_path().empty() || url->encoded_path() == "/");
}

bool is_env_name(std::string_view name)
{
    if (name.empty() || name.size() > 256 || (name.front() >= '0' && name.front() <= '9')) return false;
    return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

} // namespace

void validate(const S3Source& source, const std::string& path, Problems& problems)
{
    if (!is_bucket_name(source.bucket))
        problems.push_back({path + "/bucket", "not a bucket name: 3 to 63 of a-z, 0-9, '.' and '-'"});
    if (!is_clean_prefix(source.prefix) || source.prefix.ends_with('/'))
        problems.push_back(
            {path + "/prefix", "expected a/b/c without empty, '.' or '..' parts or a slash at an end"});
    if (!is_dns_label(source.region))
        problems.push_back({path + "/region", "expected a region like us-east-1"});
    if (!source.endpoint.empty() && !is_endpoint(source.endpoint))
        problems.push_back(
            {path + "/endpoint", "expected http or https, a host and perhaps a port, and nothing else"});
    if (source.accessKeyId.empty() != source.secretAccessKey.empty() && !source.secretAccessKey.empty())
        problems.push_back({path + "/accessKeyId", "is required with a secret access key"});
    if (source.accessKeyId.size() > 256 || has_control_character(source.accessKeyId))
        problems.push_back({path + "/accessKeyId", "too long or with control characters"});
    if (source.secretAccessKey.reveal().size() > 512 ||
        has_control_character(source.secretAccessKey.reveal()))
        problems.push_back({path + "/secretAccessKey", "too long or with control characters"});
}

void validate(const WorkspaceSpec& spec, const std::string& path, Problems& problems)
{
    if (!spec.template_.empty() && !is_dns_label(spec.template_))
        problems.push_back({path + "/template", "not a template name"});
    if (spec.env.size() > kMaxEnv) problems.push_back({path + "/env", "at most 128 variables"});
    for (const auto& [name, value] : spec.env) {
        if (!is_env_name(name)) problems.push_back({pointer(path + "/env", name), "not a variable name"});
        if (value.size() > kMaxEnvValue || value.find('\0') != std::string::npos)
            problems.push_back({pointer(path + "/env", name), "longer than 32 KiB or with a NUL"});
    }
    const auto& password = spec.vncPassword.reveal();
    if (password.size() > 64 || has_control_character(password))
        problems.push_back({path + "/vncPassword", "longer than 64 characters or with control characters"});
    if (spec.restarts < 0 || spec.restarts > kMaxRestarts)
        problems.push_back({path + "/restarts", "expected 0 to " + std::to_string(kMaxRestarts)});
    if (spec.stopReason.size() > 64 || has_control_character(spec.stopReason))
        problems.push_back({path + "/stopReason", "longer than 64 characters or with control characters"});
}

void request_restart(WorkspaceSpec& spec)
{
    spec.restarts = spec.restarts >= kMaxRestarts ? 0 : spec.restarts + 1;
}

std::string service_name(const std::string& workspace) { return "ws-" + workspace; }
std::string files_volume_name(const std::string& workspace) { return "berth-ws-" + workspace; }
std::string control_volume_name(const std::string& workspace) { return "berth-run-" + workspace; }

} // namespace berth
