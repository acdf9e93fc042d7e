// HTTP as bytes, without a server: heads, chunked bodies, paths and queries.

#include "api/http/router.hpp"
#include "api/http/wire.hpp"
#include "controller/base/http_message.hpp"
#include "node/filters.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>

namespace berth::fuzz {

namespace {

bool is_clean(std::string_view text) { return is_utf8(text) && has_no_controls(text); }

awaitable<Reply> nothing(Call) { co_return Reply::empty(204); }

const Router& table()
{
    static const auto router = [] {
        auto made = std::make_unique<Router>();
        Doc doc{.summary = "x", .open = true};
        doc.query = {Param::text("t", "text", 20), Param::integer("n", "number", -5, 500, 7),
            Param::choice("c", "choice", {"one", "two"}), Param::flag("f", "flag")};
        made->add({"GET", "/a/{x}/b/{y}", doc, nothing, {}, {}, {}});
        made->add({"PUT", "/a/{x}", doc, nothing, {}, {}, {}});
        return made;
    }();
    return *router;
}

void check_query(const Route& route, std::string_view text)
{
    Call call;
    const auto read = unless_refused([&] { return Router::read_query(route, text, call), true; });
    if (!read) return;
    std::string written;
    for (const auto& [name, value] : call.query_params) {
        require(is_clean(name) && is_clean(value), "a query parameter that is not clean text");
        written += "&" + url_encode(name) + "=" + url_encode(value);
    }
    Call again;
    Router::read_query(route, written, again);
    require(again.query_params == call.query_params, "another query: " + written);
    require(call.query_int("n") >= -5 && call.query_int("n") <= 500, "a number out of its range");
}

void check_target(std::string_view method, std::string_view path, std::string_view query)
{
    const auto match = unless_refused([&] { return table().find(method, path); });
    if (!match || !*match || !(*match)->route) return;
    std::string written = "/a";
    for (std::size_t i = 0; i < (*match)->values.size(); ++i) {
        const auto& value = (*match)->values[i];
        require(is_clean(value) && !value.empty() && value.find('/') == std::string::npos,
            "a path parameter that is not clean text");
        written += (i == 0 ? "/" : "/b/") + url_encode(value);
    }
    const auto again = table().find(method, written);
    require(again && again->route && again->values == (*match)->values, "another path: " + written);
    check_query(*(*match)->route, query);
}

void check_head(std::string_view block)
{
    std::optional<wire::Head> head;
    try {
        head = wire::parse_head(block);
    } catch (const Error& error) {
        const auto status = http_status(error);
        require(status == 400 || status == 417 || status == 501 || status == 505,
            "refused with status " + std::to_string(status));
        return;
    }
    require(head->target.starts_with('/'), "a target without its slash");
    require(std::ranges::all_of(head->target, [](unsigned char c) { return c > ' ' && c <= '~'; }),
        "a target that is not plain");
    require(!(head->chunked && head->length), "a body with two lengths");
    require(wire::find_head_end(block, 0) == block.size(), "a head in a head");
    for (const auto& field : head->fields) {
        const std::string_view value(field.value().data(), field.value().size());
        require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
            "a header in a header");
    }
    (void)wire::accepts_gzip(head->header("Accept-Encoding"));
    check_target(head->method, head->path(), head->query());
}

/// What a decoder took and gave, or how it refused.
struct Decoded {
    std::string body;
    std::size_t used = 0;
    bool done = false;
    std::string refusal;
    bool operator==(const Decoded&) const = default;
};

Decoded decode_chunks(std::string_view bytes, std::size_t step)
{
    Decoded out;
    wire::ChunkDecoder decoder{1000};
    try {
        while (out.used < bytes.size() && !decoder.done())
            out.used += decoder.feed(bytes.substr(out.used, step), out.body);
    } catch (const Error& error) {
        out.refusal = error.what();
        out.body.clear(); // how much of it was there depends on the pieces
        out.used = 0;
    }
    out.done = decoder.done();
    return out;
}

void check_chunks(std::string_view bytes)
{
    const auto whole = decode_chunks(bytes, bytes.size() + 1);
    for (const std::size_t step : {1, 3, 16}) {
        const auto pieces = decode_chunks(bytes, step);
        require(pieces == whole, "pieces of " + std::to_string(step) + " bytes give another body");
    }
    require(whole.body.size() <= 1000, "a body above its limit");
}

/// 'h': a head and what follows, 't': method, path and query, a line each, 'c': a chunked body.
void check_wire(Input input)
{
    switch (input.byte()) {
    case 'h': {
        const auto end = wire::find_head_end(input.rest(), 0);
        if (end != std::string_view::npos) check_head(input.rest().substr(0, end));
        return;
    }
    case 't': {
        const auto method = input.until('\n');
        const auto path = input.until('\n');
        return check_target(method, path, input.rest());
    }
    case 'c':
        return check_chunks(input.rest());
    default:
        return;
    }
}

const Registration wire_fuzzer{"wire", check_wire};

} // namespace

} // namespace berth::fuzz
