// JSON as objects: every kind and some request bodies. What is accepted, is stored; what is stored must be
// read as the same object, or a client that writes back what it has read changes something.

#include "api/actions/container_view.hpp"
#include "api/types/api_key.hpp"
#include "api/types/edge.hpp"
#include "api/types/log_batch.hpp"
#include "api/types/node.hpp"
#include "api/types/warm_pool.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"
#include "storage/entry.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace berth::fuzz {

namespace {

template <Kind K> void check_kind(const json::value& value, Unknown unknown)
{
    // The API asks for these two (resource::prepare_body); only what is there is looked into.
    const auto* body = value.if_object();
    if (body && !(body->contains("metadata") && body->contains("spec"))) return;
    const auto object = unless_refused([&] { return decode_object<K>(value, unknown); });
    if (!object) return;
    const auto text = json::serialize(encode_object(*object, Secrets::Show));
    const auto again = unless_refused([&] { return decode_object<K>(parse_json(text), Unknown::Reject); });
    require(again.has_value(), "what was written is refused: " + text);
    require_same(
        json::serialize(encode_object(*again, Secrets::Show)), text, "another text after it was read");
    require(*again == *object, "another object after it was written and read: " + text);
    const auto stored = detail::decode_stored<K>(json::parse(text), key_of(*object));
    require(stored == *object, "the store would read another object: " + text);
    // Only asked whether it can be done: what is left out are the secrets.
    (void)encode_object(*object, Secrets::Hide);
}

template <class T> void check_struct(const json::value& value, Unknown unknown)
{
    const auto object = unless_refused([&] { return decode<T>(value, unknown); });
    if (!object) return;
    const auto text = json::serialize(encode(*object, Secrets::Show));
    const auto again = unless_refused([&] { return decode<T>(parse_json(text), Unknown::Reject); });
    require(again.has_value(), "what was written is refused: " + text);
    require_same(json::serialize(encode(*again, Secrets::Show)), text, "another text after it was read");
}

using Check = void (*)(const json::value&, Unknown);
/// By the letter that an input begins with; never give a letter to another one.
const std::map<char, Check> kChecks{{'w', &check_kind<Workspace>}, {'r', &check_kind<WorkspaceReport>},
    {'t', &check_kind<WorkspaceTemplate>}, {'p', &check_kind<WarmPool>}, {'n', &check_kind<NodeReport>},
    {'N', &check_kind<Node>}, {'k', &check_kind<ApiKey>}, {'e', &check_kind<EdgeNetwork>},
    {'l', &check_struct<LogBatch>}, {'s', &check_struct<StartRequest>},
    {'c', &check_struct<CallbackRequest>}};

/// "wR{…}": which kind, and whether unknown members are refused (R) or not.
void check_kinds(Input input)
{
    const auto check = kChecks.find(static_cast<char>(input.byte()));
    const auto unknown = input.byte() == 'R' ? Unknown::Reject : Unknown::Ignore;
    if (check == kChecks.end()) return;
    const auto value = unless_refused([&] { return parse_json(input.rest()); });
    if (value) check->second(*value, unknown);
}

const Registration kinds_fuzzer{"kinds", check_kinds};

} // namespace

} // namespace berth::fuzz
