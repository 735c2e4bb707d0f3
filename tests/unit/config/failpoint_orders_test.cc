// SPDX-License-Identifier: Apache-2.0
#include "config/failpoint_orders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/reason_code.h"

namespace millrace::config {
namespace {

using Action = FailpointOrder::Action;

struct GoodOrder {
  const char* name;
  const char* text;
  Failpoint point;
  Action action;
  std::uint64_t pass;
  std::int64_t hold_ms;
  const char* hold_until;
};
class ReadsFailpointOrder : public testing::TestWithParam<GoodOrder> {};

TEST_P(ReadsFailpointOrder, AsItIsMeant) {
  const auto orders = parse_failpoints(GetParam().text);
  ASSERT_TRUE(orders.ok()) << orders.status();
  ASSERT_EQ(orders->size(), 1U);
  const FailpointOrder& order = orders->front();
  EXPECT_EQ(order.point, GetParam().point);
  EXPECT_EQ(order.action, GetParam().action);
  EXPECT_EQ(order.pass, GetParam().pass);
  EXPECT_EQ(order.hold_ms, GetParam().hold_ms);
  EXPECT_EQ(order.hold_until, GetParam().hold_until);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ReadsFailpointOrder,
    testing::Values(
        GoodOrder{"kill", "mark.passed=kill", Failpoint::kMarkPassed, Action::kKill, 1, 0, ""},
        GoodOrder{"kill_at_the_third", "piece.submitted=kill@3", Failpoint::kPieceSubmitted, Action::kKill, 3,
                  0, ""},
        GoodOrder{"error_once", "checkpoint.produced=error-once", Failpoint::kCheckpointProduced,
                  Action::kErrorOnce, 1, 0, ""},
        GoodOrder{"error_from_the_tenth", "told.due=error@10", Failpoint::kToldDue, Action::kError, 10, 0,
                  ""},
        GoodOrder{"hold", "told.sent=hold:2000", Failpoint::kToldSent, Action::kHold, 1, 2000, ""},
        GoodOrder{"hold_at_the_second", "told.sent=hold:0@2", Failpoint::kToldSent, Action::kHold, 2, 0, ""},
        GoodOrder{"hold_until_a_file", "source.held=hold:/tmp/a@b/go@4", Failpoint::kSourceHeld,
                  Action::kHold, 4, 0, "/tmp/a@b/go"},
        GoodOrder{"blanks_around", " batch.pushed=kill ", Failpoint::kBatchPushed, Action::kKill, 1, 0, ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FailpointOrders, NothingOrdersNothing) {
  const auto orders = parse_failpoints("");
  ASSERT_TRUE(orders.ok());
  EXPECT_TRUE(orders->empty());
}

TEST(FailpointOrders, SeveralStandInTheirOrder) {
  const auto orders = parse_failpoints("mark.passed=error-once@2, mark.passed=kill@5,told.due=hold:10");
  ASSERT_TRUE(orders.ok()) << orders.status();
  ASSERT_EQ(orders->size(), 3U);
  EXPECT_EQ((*orders)[0].action, Action::kErrorOnce);
  EXPECT_EQ((*orders)[1].pass, 5U);
  EXPECT_EQ((*orders)[2].point, Failpoint::kToldDue);
}

TEST(FailpointOrders, EveryFailpointIsFoundByItsName) {
  std::set<std::string_view> names;
  for (const FailpointInfo& info : all_failpoints()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_NE(info.reason, ReasonCode::kOk) << info.name;
    const auto orders = parse_failpoints(std::string(info.name) + "=kill");
    ASSERT_TRUE(orders.ok()) << orders.status();
    EXPECT_EQ(orders->front().point, info.point);
  }
}

struct BadOrders {
  const char* name;
  const char* text;
  const char* words;  ///< That the message must have.
};
class RefusesFailpointOrders : public testing::TestWithParam<BadOrders> {};

TEST_P(RefusesFailpointOrders, WithWords) {
  const auto orders = parse_failpoints(GetParam().text);
  ASSERT_FALSE(orders.ok());
  EXPECT_EQ(reason_of(orders.status()), ReasonCode::kConfigInvalid);
  EXPECT_THAT(std::string(orders.status().message()), testing::HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusesFailpointOrders,
    testing::Values(
        BadOrders{"unknown_failpoint", "mark.pased=kill",
                  "unknown failpoint \"mark.pased\"; did you mean mark.passed?"},
        BadOrders{"far_from_any", "zzz=kill", "unknown failpoint \"zzz\""},
        BadOrders{"no_failpoint", "=kill", "unknown failpoint \"\""},
        BadOrders{"unknown_action", "mark.passed=kil", "unknown action \"kil\"; did you mean kill?"},
        BadOrders{"no_action", "mark.passed=", "unknown action \"\""},
        BadOrders{"no_equals", "mark.passed", "failpoint=action"},
        BadOrders{"pass_zero", "mark.passed=kill@0", "number of the pass"},
        BadOrders{"pass_negative", "mark.passed=kill@-1", "number of the pass"},
        BadOrders{"pass_no_number", "mark.passed=kill@two", "number of the pass"},
        BadOrders{"pass_empty", "mark.passed=kill@", "number of the pass"},
        BadOrders{"pass_too_large", "mark.passed=kill@99999999999999999999", "number of the pass"},
        BadOrders{"hold_without_time", "mark.passed=hold", "hold takes milliseconds"},
        BadOrders{"hold_empty", "mark.passed=hold:", "hold takes milliseconds"},
        BadOrders{"hold_negative", "mark.passed=hold:-5", "hold takes milliseconds"},
        BadOrders{"hold_too_long", "mark.passed=hold:3600001", "hold takes milliseconds"},
        BadOrders{"time_of_a_kill", "mark.passed=kill:5", "only hold takes a time"},
        BadOrders{"second_is_bad", "mark.passed=kill,told.du=kill", "did you mean told.due?"},
        BadOrders{"empty_between", "mark.passed=kill,,told.due=kill", "failpoint=action"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::config
