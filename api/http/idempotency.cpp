#include "api/http/idempotency.hpp"

#include "controller/base/planted.hpp"
#include "controller/base/random.hpp"
#include "storage/store.hpp"

namespace berth {

namespace {
constexpr std::size_t kMaxKey = 128;

/// What is kept of an answer: its body and where the made thing is.
json::object to_record(const Reply& reply)
{
    json::object record{{"body", std::string_view(reply.body)}};
    for (const auto& [name, value] : reply.headers)
        if (name == "Location") record["location"] = std::string_view(value);
    return record;
}

Reply from_record(const IdempotencyRecord& record)
{
    const auto stored = json::parse(record.response).as_object();
    auto reply =
        Reply::json_text(static_cast<unsigned>(record.status), std::string(stored.at("body").as_string()));
    if (const auto* location = stored.if_contains("location"))
        reply.headers.emplace_back("Location", std::string(location->as_string()));
    reply.headers.emplace_back("Idempotent-Replayed", "true");
    return reply;
}
} // namespace

Idempotency Idempotency::of(const Call& call)
{
    Idempotency once;
    if (call.headers.find("Idempotency-Key") == call.headers.end()) return once;
    const auto key = call.header("Idempotency-Key");
    const bool visible =
        std::all_of(key.begin(), key.end(), [](unsigned char c) { return c > ' ' && c <= '~'; });
    if (key.empty() || key.size() > kMaxKey || !visible)
        throw Error{Problems{{"Idempotency-Key", "expected 1 to 128 visible characters"}}};
    // A line feed can't occur in any of the parts, so no two of them can be confused.
    once.scope_ = call.principal.name + "\n" + call.method + " " + call.path + "\n" + std::string(key);
    once.body_hash_ = sha256_hex(call.body);
    return once;
}

std::optional<Reply> Idempotency::earlier(Txn& txn) const
{
    if (!wanted() || planted("idempotency.not-looked-up")) return std::nullopt;
    const auto record = txn.idempotency(scope_);
    if (!record) return std::nullopt;
    if (record->bodyHash != body_hash_)
        throw HttpError{422, "IDEMPOTENCY_KEY_REUSED", "this Idempotency-Key was used with another body"};
    return from_record(*record);
}

Reply Idempotency::keep(Txn& txn, Reply reply) const
{
    if (!wanted() || planted("idempotency.not-kept")) return reply;
    IdempotencyRecord record;
    record.key = scope_;
    record.bodyHash = body_hash_;
    record.status = reply.status;
    record.response = json::serialize(to_record(reply));
    txn.put_idempotency(std::move(record));
    return reply;
}

awaitable<std::optional<Reply>> Idempotency::replay(Store& store) const
{
    if (!wanted()) co_return std::nullopt;
    auto look = [once = *this](Txn& txn) { return once.earlier(txn); };
    co_return co_await store.transact(std::move(look));
}

} // namespace berth
