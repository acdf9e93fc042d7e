#include "api/actions/recovery.hpp"

#include "storage/rescue.hpp"

namespace berth {

void RecoveryAction::mount(Router& router)
{
    Doc look{.summary = "What a restore has left to decide", .tag = "Operation", .roles = kAdmins};
    look.description =
        "After `berthd restore` services of this install that the store does not know are kept, until an "
        "administrator ends the recovery.";
    router.get("/api/v1/recovery", std::move(look), &RecoveryAction::show, this);
    Doc end{.summary = "End the recovery", .tag = "Operation", .roles = kAdmins};
    end.description =
        "From now on services without a workspace are removed again. What is in them and not in S3 is lost.";
    router.post<void>("/api/v1/recovery/finish", std::move(end), &RecoveryAction::finish, this);
}

RecoveryAnswer RecoveryAction::look() const
{
    const auto at = store_.meta(kRestoredName);
    RecoveryAnswer answer;
    answer.restored = !at.empty();
    answer.restoredAt = parse_time(at);
    answer.kept = kept_();
    return answer;
}

awaitable<RecoveryAnswer> RecoveryAction::show(Call) { co_return look(); }

awaitable<RecoveryAnswer> RecoveryAction::finish(Call call)
{
    auto end = [who = call.principal.name](Txn& txn) {
        if (txn.meta(kRestoredName).empty()) return;
        txn.set_meta(kRestoredName, "");
        txn.audit({who, "finish", "Recovery", {}, ""});
    };
    co_await store_.transact(end);
    co_return look();
}

} // namespace berth
