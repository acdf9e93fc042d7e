#include "api/actions/source_rules.hpp"

#include <boost/url/parse.hpp>

namespace berth {

namespace {

std::string without_slash(std::string text)
{
    while (text.ends_with('/')) text.pop_back();
    return text;
}

/// Only the id is shown to readers: whoever changes the endpoint must not be able to take the install's key
/// along.
bool takes_install_key_along(const S3Source& source, const S3Source* before, const S3Defaults& defaults)
{
    return before && source.accessKeyId == defaults.access_key_id && source.endpoint != before->endpoint &&
           source.secretAccessKey == before->secretAccessKey;
}

} // namespace

void check_source(S3Source& source, const S3Source* before, const S3Defaults& defaults,
    const std::string& path, Problems& problems)
{
    source.endpoint = without_slash(source.endpoint);
    if (!defaults.endpoint.empty() && source.endpoint == without_slash(defaults.endpoint))
        source.endpoint.clear();
    const bool own = source.endpoint.empty();
    const auto add = [&](const char* field, const char* problem) {
        problems.push_back({path + field, problem});
    };
    if (!own && defaults.endpoints.refuses(host_of(source.endpoint)))
        add("/endpoint", "is an address inside this installation's networks");
    if (!source.accessKeyId.empty()) {
        if (source.secretAccessKey.empty()) add("/secretAccessKey", "is required with an access key");
        if (!own && takes_install_key_along(source, before, defaults))
            add("/accessKeyId", "is required with an endpoint of your own");
        return;
    }
    if (before && source.secretAccessKey == before->secretAccessKey) source.secretAccessKey = {};
    if (!source.secretAccessKey.empty()) return; // validate() says what is missing
    if (!own)
        add("/accessKeyId", "is required with an endpoint of your own");
    else if (defaults.access_key_id.empty() && !source.bucket.empty())
        add("/accessKeyId", "is required: this install has no credentials of its own");
}

S3Source complete_source(S3Source source, const S3Defaults& defaults)
{
    const bool own = source.endpoint.empty() || source.endpoint == defaults.endpoint;
    if (own) source.endpoint = defaults.endpoint;
    if (own && source.accessKeyId.empty()) {
        source.accessKeyId = defaults.access_key_id;
        source.secretAccessKey = defaults.secret_access_key;
    }
    return source;
}

std::string host_of(const std::string& endpoint)
{
    const auto url = boost::urls::parse_uri(endpoint);
    if (!url) return "";
    std::string host(url->host());
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return host;
}

} // namespace berth
