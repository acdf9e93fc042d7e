#include "api/http/router.hpp"

#include <charconv>

namespace berth {

// ---------------------------------------------------------------------------------------------- text of URLs

namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Length of the UTF-8 sequence at `at`, 0 when it is not one (overlong forms and surrogates included).
std::size_t utf8_length(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const bool fits = (first != 0xE0 || byte(1) >= 0xA0) && (first != 0xED || byte(1) < 0xA0);
        return fits && tail(1) && tail(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const bool fits = (first != 0xF0 || byte(1) >= 0x90) && (first != 0xF4 || byte(1) < 0x90);
        return fits && tail(1) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

bool is_clean_text(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        const auto length = utf8_length(text, i);
        if (c < 0x20 || c == 0x7F || length == 0) return false;
        i += length;
    }
    return true;
}

/// Percent decoding; nothing when it is malformed or not clean text.
std::optional<std::string> decode_text(std::string_view text, bool plus_is_space)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    return is_clean_text(out) ? std::optional(std::move(out)) : std::nullopt;
}

std::vector<std::string_view> split_path(std::string_view path)
{
    std::vector<std::string_view> segments;
    if (path.starts_with('/')) path.remove_prefix(1);
    for (;;) {
        const auto slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return segments;
        path.remove_prefix(slash + 1);
    }
}

std::optional<std::int64_t> to_integer(std::string_view text)
{
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

} // namespace

// ---------------------------------------------------------------------------------------------- Call

const std::string& Call::param(std::string_view name) const
{
    const auto found = path_params.find(name);
    if (found == path_params.end()) throw std::logic_error("the route has no parameter " + std::string(name));
    return found->second;
}

std::optional<std::string> Call::query(std::string_view name) const
{
    if (const auto found = query_params.find(name); found != query_params.end()) return found->second;
    if (const auto found = query_defaults.find(name); found != query_defaults.end()) return found->second;
    return std::nullopt;
}

std::int64_t Call::query_int(std::string_view name) const
{
    const auto value = to_integer(query(name).value_or(""));
    if (!value) throw Error{Problems{{std::string(name), "expected a whole number"}}};
    return *value;
}

bool Call::query_flag(std::string_view name) const
{
    const auto value = query(name);
    return value && (value->empty() || *value == "1" || *value == "true");
}

std::string_view Call::header(std::string_view name) const
{
    const auto value = headers[boost::beast::string_view(name.data(), name.size())];
    return {value.data(), value.size()};
}

json::value Call::json_body() const
{
    // The route's limit has been kept while reading.
    return parse_json(body, {.max_bytes = body.size(), .max_depth = 32});
}

// ---------------------------------------------------------------------------------------------- Param

Param Param::text(
    std::string name, std::string description, std::size_t max_length, const TextFormat& format)
{
    json::object schema{{"type", "string"}, {"maxLength", max_length}, {"pattern", format.pattern}};
    return {std::move(name), std::move(description), std::move(schema), false, &format};
}

Param Param::integer(std::string name, std::string description, std::int64_t minimum, std::int64_t maximum,
    std::optional<std::int64_t> fallback)
{
    json::object schema{{"type", "integer"}, {"minimum", minimum}, {"maximum", maximum}};
    if (fallback) schema["default"] = *fallback;
    return {std::move(name), std::move(description), std::move(schema)};
}

Param Param::choice(std::string name, std::string description, std::vector<std::string> values)
{
    json::array allowed;
    for (auto& value : values) allowed.emplace_back(value);
    return {std::move(name), std::move(description), {{"type", "string"}, {"enum", std::move(allowed)}}};
}

Param Param::flag(std::string name, std::string description)
{
    return choice(std::move(name), std::move(description), {"1", "true", "0", "false", ""});
}

namespace {

/// What is wrong with a parameter's value by its schema, or nothing.
std::optional<std::string> problem_of(const Param& param, const std::string& value)
{
    const auto& schema = param.schema;
    if (const auto* allowed = schema.if_contains("enum")) {
        for (const auto& item : allowed->as_array())
            if (std::string_view(item.as_string()) == value) return std::nullopt;
        return "expected one of " + json::serialize(*allowed);
    }
    if (schema.at("type") == "integer") {
        const auto number = to_integer(value);
        const auto minimum = schema.at("minimum").to_number<std::int64_t>();
        const auto maximum = schema.at("maximum").to_number<std::int64_t>();
        if (number && *number >= minimum && *number <= maximum) return std::nullopt;
        return "expected a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum);
    }
    const auto* limit = schema.if_contains("maxLength");
    if (limit && count_characters(value) > limit->to_number<std::size_t>())
        return "longer than " + std::to_string(limit->to_number<std::size_t>()) + " characters";
    if (param.format && !param.format->matches(value)) return std::string(param.format->expected);
    return std::nullopt;
}

void take_query(const Route& route, std::string_view pair, Call& call, Problems& problems)
{
    const auto equals = pair.find('=');
    const auto name = decode_text(pair.substr(0, equals), true);
    const auto value =
        decode_text(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value) {
        problems.push_back({"", "the query is not percent-encoded UTF-8 text"});
        return;
    }
    const auto known = std::find_if(route.doc.query.begin(), route.doc.query.end(),
        [&](const Param& param) { return param.name == *name; });
    if (known == route.doc.query.end()) {
        problems.push_back({*name, "is not a known query parameter"});
        return;
    }
    if (auto problem = problem_of(*known, *value))
        problems.push_back({*name, std::move(*problem)});
    else if (!call.query_params.emplace(*name, *value).second)
        problems.push_back({*name, "is given twice"});
}

} // namespace

void Router::read_query(const Route& route, std::string_view text, Call& call)
{
    Problems problems;
    while (!text.empty()) {
        const auto end = text.find('&');
        const auto pair = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (!pair.empty()) take_query(route, pair, call, problems);
    }
    for (const auto& param : route.doc.query) {
        if (param.required && !call.query_params.contains(param.name))
            problems.push_back({param.name, "is required"});
        if (const auto* fallback = param.schema.if_contains("default"))
            call.query_defaults[param.name] =
                fallback->is_string() ? std::string(fallback->as_string()) : json::serialize(*fallback);
    }
    if (!problems.empty()) throw Error{std::move(problems)};
}

// ---------------------------------------------------------------------------------------------- the table

bool Route::allows(const Principal& principal) const
{
    if (doc.open) return true;
    if (principal.anonymous()) return false;
    return std::find(doc.roles.begin(), doc.roles.end(), principal.role) != doc.roles.end();
}

/// A trie over segments: what a literal names is preferred to a parameter.
struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::map<std::string, const Route*, std::less<>> methods;

    const Node* find(const std::vector<std::string_view>& segments, std::size_t at,
        std::vector<std::string_view>& values) const
    {
        if (at == segments.size()) return methods.empty() ? nullptr : this;
        if (const auto literal = literals.find(segments[at]); literal != literals.end())
            if (const auto* found = literal->second->find(segments, at + 1, values)) return found;
        if (!parameter || segments[at].empty()) return nullptr;
        values.push_back(segments[at]);
        if (const auto* found = parameter->find(segments, at + 1, values)) return found;
        values.pop_back();
        return nullptr;
    }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::add(Route route)
{
    const auto where = route.method + " " + route.pattern;
    if (!route.pattern.starts_with('/')) throw std::logic_error(where + ": a pattern starts with '/'");
    if (route.doc.roles.empty() != route.doc.open)
        throw std::logic_error(where + ": a route has either roles or is open");
    auto* node = root_.get();
    for (const auto segment : split_path(route.pattern)) {
        if (segment.starts_with('{') && segment.ends_with('}')) {
            route.param_names.emplace_back(segment.substr(1, segment.size() - 2));
            if (!node->parameter) node->parameter = std::make_unique<Node>();
            node = node->parameter.get();
        } else {
            if (segment.find_first_of("{}") != std::string_view::npos)
                throw std::logic_error(where + ": a parameter is a whole segment");
            auto& next = node->literals[std::string(segment)];
            if (!next) next = std::make_unique<Node>();
            node = next.get();
        }
    }
    auto& slot = node->methods[route.method];
    if (slot) throw std::logic_error(where + " is registered twice");
    routes_.push_back(std::make_unique<Route>(std::move(route)));
    slot = routes_.back().get();
}

std::optional<Router::Match> Router::find(std::string_view method, std::string_view path) const
{
    std::vector<std::string_view> raw;
    const auto* node = path.starts_with('/') ? root_->find(split_path(path), 0, raw) : nullptr;
    if (!node) return std::nullopt;
    Match match;
    const auto wanted = method == "HEAD" ? std::string_view("GET") : method;
    if (const auto found = node->methods.find(wanted); found != node->methods.end())
        match.route = found->second;
    for (const auto& [name, route] : node->methods) {
        match.allow += (match.allow.empty() ? "" : ", ") + name;
        if (name == "GET") match.allow += ", HEAD";
    }
    for (const auto segment : raw) {
        auto value = decode_text(segment, false);
        if (!value || value->find('/') != std::string::npos)
            throw Error{Errc::Invalid, "a path segment is not percent-encoded text without '/'"};
        match.values.push_back(std::move(*value));
    }
    return match;
}

void Router::mount_openapi()
{
    auto serve = [this](Call) -> awaitable<Reply> { return detail::answer(openapi_text(), 200); };
    Doc doc{.summary = "This document", .tag = "Meta", .open = true};
    add({"GET", "/api/openapi.json", std::move(doc), std::move(serve), {},
        [](SchemaRegistry&) {
            return json::object{{"type", "object"}};
        },
        {}});
}

awaitable<Reply> Router::openapi_text()
{
    if (document_.empty()) document_ = json::serialize(openapi());
    co_return Reply::json_text(200, document_);
}

} // namespace berth
