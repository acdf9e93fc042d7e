#include "controller/runtime/conditions.hpp"

namespace berth {

namespace {

bool is_runtime_condition(const Condition& condition)
{
    return condition.type == kReadyCondition || condition.type == kStalledCondition;
}

Condition ready_of(const RunResult& result)
{
    Condition ready;
    ready.type = kReadyCondition;
    ready.observedGeneration = result.generation;
    if (result.failure) {
        ready.status = ConditionStatus::False;
        ready.reason = reason_of(result.failure->code);
        ready.message = result.failure->message;
    } else if (result.deleting) {
        ready.status = ConditionStatus::False;
        ready.reason = "Deleting";
        ready.message = "is being deleted";
    } else {
        ready.status = ConditionStatus::True;
        ready.reason = "Reconciled";
    }
    return ready;
}

} // namespace

bool Failure::stalls() const noexcept
{
    return code == Errc::Invalid || code == Errc::Denied || code == Errc::Quota;
}

Failure failure_of(const std::exception_ptr& failure)
{
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return {error.code(), error.what()};
    } catch (const std::exception& error) {
        return {Errc::Internal, error.what()};
    } catch (...) {
        return {Errc::Internal, "unknown exception"};
    }
}

const char* reason_of(Errc code) noexcept
{
    switch (code) {
    case Errc::Invalid:
        return "Invalid";
    case Errc::NotFound:
        return "NotFound";
    case Errc::Exists:
        return "Exists";
    case Errc::Conflict:
        return "Conflict";
    case Errc::Gone:
        return "Gone";
    case Errc::Denied:
        return "Denied";
    case Errc::Quota:
        return "Quota";
    case Errc::Unavailable:
        return "Unavailable";
    case Errc::Timeout:
        return "Timeout";
    case Errc::Internal:
        return "Internal";
    }
    return "Internal";
}

void drop_runtime_conditions(Conditions& conditions) { std::erase_if(conditions, is_runtime_condition); }

void conclude(Conditions& conditions, const Conditions& before, const RunResult& result, Time now)
{
    Conditions runtime;
    const auto* own = find_condition(conditions, kReadyCondition);
    runtime.push_back(own && !result.failure ? *own : ready_of(result));
    if (runtime.front().observedGeneration == 0) runtime.front().observedGeneration = result.generation;
    if (result.failure && result.failure->stalls()) {
        auto stalled = ready_of(result);
        stalled.type = kStalledCondition;
        stalled.status = ConditionStatus::True;
        runtime.push_back(std::move(stalled));
    }
    for (auto& condition : runtime) {
        const auto* old = find_condition(before, condition.type);
        const bool flipped = !old || old->status != condition.status || !old->lastTransitionTime;
        condition.lastTransitionTime = flipped ? std::optional(now) : old->lastTransitionTime;
    }
    drop_runtime_conditions(conditions);
    conditions.insert(conditions.begin(), runtime.begin(), runtime.end());
}

} // namespace berth
