#include "controller/base/http_client.hpp"

#include <charconv>

namespace berth {

namespace {

[[noreturn]] void refuse(std::string_view text, const char* why)
{
    throw Error{Errc::Invalid, "'" + std::string(text) + "' is not a usable address: " + why};
}

std::uint16_t parse_port(std::string_view whole, std::string_view text)
{
    std::uint16_t port = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (failure != std::errc{} || end != text.data() + text.size() || port == 0) refuse(whole, "bad port");
    return port;
}

/// "host", "host:1", "[::1]:1"
void parse_authority(std::string_view whole, std::string_view text, Endpoint& endpoint)
{
    if (text.find('@') != std::string_view::npos) refuse("…@…", "credentials do not belong in an address");
    std::string_view rest;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) refuse(whole, "']' is missing");
        endpoint.host = text.substr(1, close - 1);
        rest = text.substr(close + 1);
    } else {
        const auto colon = text.find(':');
        endpoint.host = text.substr(0, colon);
        if (colon != std::string_view::npos) rest = text.substr(colon);
    }
    if (endpoint.host.empty()) refuse(whole, "no host");
    if (rest.empty()) return;
    if (!rest.starts_with(':')) refuse(whole, "bad host");
    endpoint.port = parse_port(whole, rest.substr(1));
}

} // namespace

Endpoint Endpoint::parse(std::string_view text)
{
    const auto mark = text.find("://");
    if (mark == std::string_view::npos) refuse(text, "expected unix://, http://, https:// or tcp://");
    const auto scheme = text.substr(0, mark);
    auto rest = text.substr(mark + 3);
    Endpoint endpoint;
    if (scheme == "unix") {
        if (!rest.starts_with('/')) refuse(text, "the path of a socket starts with a slash");
        if (rest.size() > 107) refuse(text, "the path of a socket has at most 107 bytes");
        endpoint.kind = Kind::Unix;
        endpoint.path = rest;
        return endpoint;
    }
    if (scheme == "http") endpoint.port = 80;
    else if (scheme == "https") endpoint.port = 443;
    else if (scheme == "tcp") endpoint.port = 2375;
    else refuse(text, "expected unix://, http://, https:// or tcp://");
    endpoint.kind = scheme == "https" ? Kind::Tls : Kind::Tcp;
    const auto slash = rest.find('/');
    if (slash != std::string_view::npos) {
        endpoint.path = rest.substr(slash);
        rest = rest.substr(0, slash);
        while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
        if (endpoint.path.find_first_of("?#") != std::string::npos) refuse(text, "no query is possible here");
    }
    parse_authority(text, rest, endpoint);
    return endpoint;
}

std::string Endpoint::authority() const
{
    if (kind == Kind::Unix) return "localhost";
    const auto name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return name + ":" + std::to_string(port);
}

} // namespace berth
