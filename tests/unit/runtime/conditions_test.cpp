#include "controller/runtime/conditions.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

const Time kEarlier{Duration{1'000}};
const Time kLater{Duration{2'000}};

Failure failure(Errc code) { return {code, "because"}; }

/// One run: `set` is what the reconciler leaves in the conditions.
Conditions after_run(const Conditions& before, const Conditions& set, const RunResult& result)
{
    auto conditions = before;
    drop_runtime_conditions(conditions);
    for (const auto& condition : set) set_condition(conditions, condition, kLater);
    conclude(conditions, before, result, kLater);
    return conditions;
}

Condition condition(const std::string& type, ConditionStatus status, const std::string& reason)
{
    return {type, status, reason, "", kEarlier, 3};
}

TEST(RuntimeConditions, SuccessIsReady)
{
    const auto conditions = after_run({}, {}, {3, false, {}});
    ASSERT_EQ(conditions.size(), 1u);
    EXPECT_EQ(conditions[0], (Condition{"Ready", ConditionStatus::True, "Reconciled", "", kLater, 3}));
    EXPECT_EQ(after_run(conditions, {}, {3, false, {}}), conditions);
}

TEST(RuntimeConditions, AReconcilersOwnReadyStaysAndKeepsItsTime)
{
    const auto own = condition("Ready", ConditionStatus::False, "Starting");
    const auto conditions = after_run({own}, {own}, {3, false, {}});
    EXPECT_EQ(conditions, Conditions{own});
}

TEST(RuntimeConditions, AFailureOverridesReadyAndKeepsOtherConditions)
{
    const auto ready = condition("Ready", ConditionStatus::True, "Reconciled");
    const auto other = condition("FilesSafe", ConditionStatus::True, "Synced");
    const auto conditions = after_run({other, ready}, {ready}, {4, false, failure(Errc::Unavailable)});
    ASSERT_EQ(conditions.size(), 2u);
    EXPECT_EQ(
        conditions[0], (Condition{"Ready", ConditionStatus::False, "Unavailable", "because", kLater, 4}));
    EXPECT_EQ(conditions[1], other);
}

TEST(RuntimeConditions, HopelessFailuresStall)
{
    for (const auto code : {Errc::Invalid, Errc::Denied, Errc::Quota}) {
        const auto conditions = after_run({}, {}, {1, false, failure(code)});
        ASSERT_EQ(conditions.size(), 2u);
        EXPECT_EQ(conditions[1].type, "Stalled");
        EXPECT_EQ(conditions[1].status, ConditionStatus::True);
        EXPECT_EQ(conditions[1].reason, reason_of(code));
        EXPECT_EQ(after_run(conditions, {}, {1, false, {}}).size(), 1u); // a success takes it away
    }
    for (const auto code : {Errc::NotFound, Errc::Exists, Errc::Conflict, Errc::Gone, Errc::Unavailable,
             Errc::Timeout, Errc::Internal})
        EXPECT_FALSE(failure(code).stalls());
}

TEST(RuntimeConditions, WhatIsBeingDeletedIsNotReady)
{
    const auto conditions = after_run({}, {}, {1, true, {}});
    EXPECT_EQ(conditions[0].status, ConditionStatus::False);
    EXPECT_EQ(conditions[0].reason, "Deleting");
}

TEST(FailureOf, TellsErrorsFromBugs)
{
    EXPECT_EQ(failure_of(std::make_exception_ptr(Error{Errc::Quota, "full"})).code, Errc::Quota);
    EXPECT_EQ(failure_of(std::make_exception_ptr(std::runtime_error{"odd"})).code, Errc::Internal);
    EXPECT_EQ(failure_of(std::make_exception_ptr(std::runtime_error{"odd"})).message, "odd");
    EXPECT_EQ(failure_of(std::make_exception_ptr(1)).code, Errc::Internal);
}

} // namespace
} // namespace berth
