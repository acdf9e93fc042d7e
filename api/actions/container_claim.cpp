// POST /api/containers/start, the short way: a warm slot becomes the user's workspace.

#include "api/actions/containers.hpp"

namespace berth {

namespace {
/// Slots that somebody else changed between the look and the transaction, until a cold start is tried
/// instead.
constexpr std::size_t kAttempts = 16;
} // namespace

/// Nothing when no pool has a slot of this kind to give.
awaitable<std::optional<Reply>> Containers::claim(
    Idempotency once, Principal who, Workspace draft, std::optional<std::string> vnc_password)
{
    const auto hash = wanted_slot_hash(store_, {draft.metadata.org, draft.spec.template_}, settings_.flavor);
    std::vector<WarmSlots::Hold> tried; // held till the end: the next look gives another one
    while (hash && tried.size() < kAttempts) {
        auto slot = slots_.take(draft.metadata.org, *hash);
        if (!slot) break;
        tried.push_back(std::move(*slot));
        auto work = [once, who, draft, vnc_password, hash, key = tried.back().key(),
                        address = settings_.address, rules = &admission_](Txn& txn) -> std::optional<Reply> {
            if (auto earlier = once.earlier(txn)) return earlier;
            rules->check_count(txn, who, nullptr);
            const auto claimed = claim_slot(txn, key, *hash, draft);
            if (!claimed) return std::nullopt;
            const std::string detail = "bucket " + draft.spec.s3.bucket;
            txn.audit({who.name, "claim", std::string(Workspace::kind().kind), key_of(*claimed), detail});
            const auto answer = start_answer(*claimed, address, vnc_password);
            return once.keep(txn, Reply::json(201, encode(answer)));
        };
        if (auto reply = co_await store_.transact(std::move(work))) co_return reply;
    }
    co_return std::nullopt;
}

} // namespace berth
