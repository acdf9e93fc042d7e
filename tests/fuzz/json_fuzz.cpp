// JSON as text: what is parsed means the same when it is written and parsed again.

#include "api/http/continue_token.hpp"
#include "api/http/resource.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace berth::fuzz {

namespace {

std::size_t depth_of(const json::value& value)
{
    std::size_t deepest = 0;
    if (value.is_array())
        for (const auto& item : value.get_array()) deepest = std::max(deepest, depth_of(item));
    if (value.is_object())
        for (const auto& item : value.get_object()) deepest = std::max(deepest, depth_of(item.value()));
    return deepest + (value.is_array() || value.is_object() ? 1 : 0);
}

std::optional<json::value> parsed(std::string_view text, const JsonLimits& limits = {})
{
    return unless_refused([&] { return parse_json(text, limits); });
}

void check_json(Input input)
{
    constexpr JsonLimits kNarrow{.max_bytes = 200, .max_depth = 3};
    if (const auto value = parsed(input.rest(), kNarrow)) {
        require(input.rest().size() <= kNarrow.max_bytes, "longer than allowed");
        require(depth_of(*value) <= kNarrow.max_depth, "deeper than allowed");
    }
    const auto value = parsed(input.rest());
    if (!value) return;
    const auto text = json::serialize(*value);
    const auto again = parsed(text, {.max_bytes = text.size(), .max_depth = 32});
    require(again.has_value(), "what was written can't be read: " + text);
    require(*again == *value, "another value after it was written and read: " + text);
    require_same(json::serialize(*again), text, "another text after it was read");
}

/// Two documents, one a line: RFC 7396, and the rules for bodies and patches that hold for every kind.
void check_patch(Input input)
{
    const auto target = parsed(input.until('\n'));
    const auto patch = parsed(input.rest());
    if (!target || !patch) return;
    auto once = *target;
    resource::merge(once, *patch);
    auto twice = once;
    resource::merge(twice, *patch);
    require(once == twice, "a patch that is applied again changes something");
    auto same = *target;
    resource::merge(same, json::object{});
    require(same == *target || !target->is_object(), "an empty patch changes something");

    const Key key{"default", "demo"};
    const auto good = unless_refused([&] { return resource::check_patch(*patch, key), true; });
    require(!good || patch->is_object(), "a patch that is no object is taken");
    const auto body = unless_refused([&] { return resource::prepare_body(*target, key); });
    require(!body || !body->get_object().contains("status"), "a client's status is taken");
    (void)resource::name_in(*target);
}

void check_token(Input input)
{
    const std::string text(input.rest());
    const auto token = unless_refused([&] { return resource::to_token(text); });
    if (!token) return;
    const auto written = resource::to_text(*token);
    const auto again = resource::to_token(written);
    require_same(resource::to_text(again), written, "another token after it was written and read");
}

const Registration json_fuzzer{"json", check_json};
const Registration patch_fuzzer{"patch", check_patch};
const Registration token_fuzzer{"token", check_token};

} // namespace

} // namespace berth::fuzz
