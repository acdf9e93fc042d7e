// Small languages: label selectors, times and durations, addresses and ranges, keys of the configuration.

#include "api/http/auth.hpp"
#include "api/http/etag.hpp"
#include "api/types/proxy_routes.hpp"
#include "controller/base/endpoint_rules.hpp"
#include "controller/base/http_client.hpp"
#include "node/filter_rules.hpp"
#include "storage/selector.hpp"
#include "storage/store.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>

namespace berth::fuzz {

namespace {

std::string text_of(const Requirement& rule)
{
    using Op = Requirement::Op;
    if (rule.op == Op::Exists) return rule.label;
    if (rule.op == Op::NotExists) return "!" + rule.label;
    std::string values;
    for (std::size_t i = 0; i < rule.values.size(); ++i) values += (i > 0 ? "," : "") + rule.values[i];
    return rule.label + (rule.op == Op::In ? " in (" : " notin (") + values + ")";
}

void check_selector(Input input)
{
    const auto selector = unless_refused([&] { return Selector::parse(input.rest()); });
    if (!selector) return;
    std::string text;
    for (const auto& rule : selector->labels) text += (text.empty() ? "" : ", ") + text_of(rule);
    const auto again = unless_refused([&] { return Selector::parse(text); });
    require(again && again->labels == selector->labels, "another selector when it is written as " + text);
    Entry entry;
    entry.labels = {{"a", "b"}, {"app", "x"}};
    bool all = true;
    for (const auto& rule : selector->labels) all = all && rule.matches(entry.labels);
    require(selector->matches(entry) == all, "a selector that is not all of its rules");
}

void check_time(Input input)
{
    const auto text = input.rest();
    if (const auto time = parse_time(text)) {
        require(parse_time(format_time(*time)) == time, "written as " + format_time(*time));
        require(format_time(*time).size() == 24, "times that do not sort as text: " + format_time(*time));
    }
    if (const auto duration = parse_duration(text))
        require(parse_duration(format_duration(*duration)) == duration,
            "written as " + format_duration(*duration));
    (void)unless_refused([&] { return resource::revision_in(text); });
    if (const auto revision = parse_revision(text))
        require(parse_revision(std::to_string(*revision)) == revision, "another revision");
}

void check_endpoint(std::string_view text)
{
    const auto endpoint = unless_refused([&] { return Endpoint::parse(text); });
    if (!endpoint || endpoint->kind == Endpoint::Kind::Unix) return;
    const auto scheme = endpoint->kind == Endpoint::Kind::Tls ? "https://" : "http://";
    const auto written = scheme + endpoint->authority() + endpoint->path;
    const auto again = unless_refused([&] { return Endpoint::parse(written); });
    require(again.has_value(), "can't be read again: " + written);
    require(again->host == endpoint->host && again->port == endpoint->port && again->path == endpoint->path,
        "another address: " + written);
}

bool is_line_of_filter(std::string_view line)
{
    return std::ranges::all_of(line, [](unsigned char c) { return c >= ' ' && c <= '~'; });
}

void check_filter(const std::vector<IpRange>& ranges)
{
    FilterFacts facts;
    facts.proxies = facts.own = facts.denied = facts.allowed = facts.resolvers = ranges;
    const auto text = filter_text(facts);
    for (const auto& table : {text.v4, text.v6}) {
        Input lines{table};
        while (!lines.empty()) require(is_line_of_filter(lines.until('\n')), "a rule that is none: " + table);
        require(table.starts_with("*filter\n") && table.ends_with("COMMIT\n"), "a table that is not whole");
    }
}

void check_ranges(std::string_view text)
{
    if (const auto range = parse_ip_range(text)) {
        require(parse_ip_range(range->text()) == range, "another range: " + range->text());
        require(contains(*range, *range) && contains(*range, range->address), "a range without itself");
    }
    const auto ranges = parse_ip_ranges(text);
    if (!ranges) return;
    const auto fewer = minimal_ranges(*ranges);
    for (const auto& range : *ranges)
        require(std::ranges::any_of(fewer, [&](const IpRange& wide) { return contains(wide, range); }),
            "lost: " + range.text());
    require(minimal_ranges(fewer) == fewer, "not minimal");
    check_filter(*ranges);
}

void check_rules(std::string_view text)
{
    auto rules = EndpointRules::parse(text);
    if (!rules) return;
    require(rules->refuses("10.1.2.3") == !rules->allows(boost::asio::ip::make_address("10.1.2.3")),
        "an address and its text are judged differently");
    (void)rules->refuses(text);
    (void)EndpointRules{}.refuses(text);
    for (const char* own :
        {"127.0.0.1", "[::1]", "::ffff:127.0.0.1", "localhost", "LOCALHOST.", "a.localhost"})
        require(EndpointRules{}.refuses(own), std::string("not refused: ") + own);
}

/// A host and a request target, a line each.
void check_visit(Input input)
{
    const auto host = input.until('\n');
    for (const auto routing : {RoutingMode::host, RoutingMode::path}) {
        const PublicAddress address{.domain = "example.org", .routing = routing};
        const auto visit = visit_of(address, host, input.rest());
        if (!visit) continue;
        require(is_dns_label(visit->id), "an id that is none: " + visit->id);
        const auto own_host = workspace_host(address, visit->id, visit->port);
        const auto own_target = workspace_path(address, visit->id, visit->port) + visit->rest;
        const auto again = visit_of(address, own_host, own_target);
        require(
            again && again->id == visit->id && again->rest == visit->rest, "another visit: " + own_target);
    }
}

/// One letter, then the text.
void check_address(Input input)
{
    switch (input.byte()) {
    case 'e':
        return check_endpoint(input.rest());
    case 'r':
        return check_ranges(input.rest());
    case 'a':
        return check_rules(input.rest());
    case 'v':
        return check_visit(input);
    case 'k':
        (void)unless_refused([&] { return parse_api_keys(input.rest(), "API_KEYS"); });
        return;
    default:
        return;
    }
}

const Registration selector_fuzzer{"selector", check_selector};
const Registration time_fuzzer{"time", check_time};
const Registration address_fuzzer{"address", check_address};

} // namespace

} // namespace berth::fuzz
