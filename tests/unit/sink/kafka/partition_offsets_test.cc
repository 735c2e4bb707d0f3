// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/partition_offsets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason_code.h"

namespace millrace {
namespace {

TEST(PartitionOffsets, AStateIsContinued) {
  PartitionOffsets first;
  first.set_cluster("c1");
  const std::uint32_t place = first.add_topic("p.public.t", "id1", 3);
  first.passed(place + 2, 41);
  first.passed(place, 9);
  const std::string state = first.to_json();
  EXPECT_EQ(state, R"({"kind":"kafka","cluster":"c1","topics":{"p.public.t":{"id":"id1","partitions":3,)"
                   R"("next":{"0":10,"2":42}}}})");

  PartitionOffsets again;
  ASSERT_TRUE(again.restore(state).ok());
  EXPECT_EQ(again.cluster(), "c1");
  EXPECT_EQ(again.topics().at("p.public.t").next, (std::map<std::int32_t, std::int64_t>{{0, 10}, {2, 42}}));
  EXPECT_EQ(again.to_json(), state);  // a topic that is not written to any more stays
  const std::uint32_t grown = again.add_topic("p.public.t", "id1", 4);
  again.passed(grown + 3, 0);
  EXPECT_THAT(again.to_json(), testing::HasSubstr(R"("partitions":4,"next":{"0":10,"2":42,"3":1})"));
}

TEST(PartitionOffsets, ADeliveryWithoutAnOffsetIsBehindTheLast) {
  PartitionOffsets offsets;
  const std::uint32_t place = offsets.add_topic("t", "", 1);
  offsets.passed(place, 5);
  offsets.passed(place, -1001);  // acknowledged as a duplicate: the broker did not say where
  EXPECT_THAT(offsets.to_json(), testing::HasSubstr(R"("next":{"0":7})"));
  offsets.passed(place, 7);
  EXPECT_THAT(offsets.to_json(), testing::HasSubstr(R"("next":{"0":8})"));
}

TEST(PartitionOffsets, AnEmptyStateIsAFreshStart) {
  PartitionOffsets offsets;
  EXPECT_TRUE(offsets.restore("").ok());
  EXPECT_TRUE(offsets.topics().empty());
}

class RefusesState : public testing::TestWithParam<const char*> {};

TEST_P(RefusesState, OfAnotherSink) {
  PartitionOffsets offsets;
  EXPECT_EQ(reason_of(offsets.restore(GetParam())), ReasonCode::kCheckpointMismatch);
}

INSTANTIATE_TEST_SUITE_P(Table, RefusesState,
                         testing::Values("{", "[]", R"({"path":"/f","sequence":0,"offset":3})",
                                         R"({"kind":"kafka","topics":[]})",
                                         R"({"kind":"kafka","topics":{"t":1}})",
                                         R"({"kind":"kafka","topics":{"t":{"id":""}}})",
                                         R"({"kind":"kafka","topics":{"t":{"next":{"x":1}}}})",
                                         R"({"kind":"kafka","topics":{"t":{"next":{"0":-1}}}})"));

}  // namespace
}  // namespace millrace
