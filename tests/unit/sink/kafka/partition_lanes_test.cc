// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/partition_lanes.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millrace {
namespace {

constexpr std::int64_t kStart = 1'000'000;

/// Plays `records` of partition `place` into the lanes, as the sink does.
/// @return how many went.
std::size_t offer(PartitionLanes& lanes, std::uint32_t place, std::vector<InFlightRecord>& records,
                  std::int64_t now_us) {
  std::size_t went = 0;
  for (InFlightRecord& record : records) {
    if (lanes.open(place, now_us)) {
      lanes.sent(place);
      ++went;
    } else {
      lanes.wait(place, &record);
    }
  }
  return went;
}

/// @return which of `records` went of those that waited: "123".
std::string served(PartitionLanes& lanes, std::uint32_t place, const std::vector<InFlightRecord>& records,
                   std::int64_t now_us) {
  std::string text;
  std::size_t bytes = lanes.may_go_bytes(place, now_us);
  while (bytes > 0) {
    InFlightRecord* const next = lanes.next(place);
    if (next == nullptr) break;
    bytes -= std::min<std::size_t>(bytes, next->bytes);
    text += static_cast<char>('0' + (next - records.data()));
    lanes.went(place);
    lanes.sent(place);
  }
  return text;
}

constexpr std::size_t kBatch = 100'000;
constexpr std::uint32_t kBusy = 32'000;

std::vector<InFlightRecord> records_of(std::size_t count, std::uint32_t bytes) {
  return std::vector<InFlightRecord>(count, InFlightRecord{.bytes = bytes});
}

/// The partition knows the producer of both ways.
void make_known(PartitionLanes& lanes, std::uint32_t place, std::int64_t now_us) {
  std::vector<InFlightRecord> big = records_of(3, kBusy);
  ASSERT_EQ(offer(lanes, place, big, now_us), 1U);
  for (const char* went : {"1", "2"}) {
    lanes.acknowledged(place, now_us);
    ASSERT_EQ(served(lanes, place, big, now_us), went);
  }
  lanes.acknowledged(place, now_us);
}

TEST(PartitionLanes, TheFirstRecordOfAPartitionGoesAlone) {
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 2);
  std::vector<InFlightRecord> records(4);
  std::vector<InFlightRecord> others(2);
  EXPECT_EQ(offer(lanes, 0, records, kStart), 1U);
  EXPECT_EQ(offer(lanes, 1, others, kStart), 1U) << "another partition has a lane of its own";
  EXPECT_EQ(served(lanes, 0, records, kStart), "") << "nothing was acknowledged";
  EXPECT_TRUE(lanes.acknowledged(0, kStart + 1));
  EXPECT_EQ(served(lanes, 0, records, kStart + 1), "123");
  EXPECT_EQ(served(lanes, 1, others, kStart + 1), "");
}

TEST(PartitionLanes, OnceTheBrokerKnowsTheProducerRecordsFollowAtOnce) {
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 1);
  std::vector<InFlightRecord> first(1);
  std::vector<InFlightRecord> records(3);
  EXPECT_EQ(offer(lanes, 0, first, kStart), 1U);
  EXPECT_FALSE(lanes.acknowledged(0, kStart)) << "nobody waits";
  EXPECT_EQ(offer(lanes, 0, records, kStart), 3U);
}

TEST(PartitionLanes, ARecordBehindOneThatWaitsWaits) {
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 1);
  std::vector<InFlightRecord> records(3);
  lanes.open(0, kStart);
  lanes.sent(0);
  lanes.acknowledged(0, kStart);
  // Open, but the producer's queue was full for this one.
  ASSERT_TRUE(lanes.open(0, kStart));
  lanes.wait(0, &records[0]);
  EXPECT_FALSE(lanes.open(0, kStart));
  lanes.wait(0, &records[1]);
  EXPECT_EQ(served(lanes, 0, records, kStart), "01");
  EXPECT_TRUE(lanes.open(0, kStart));
}

TEST(PartitionLanes, AfterARestARecordGoesAloneAgain) {
  struct Case {
    const char* name;
    std::int64_t rest_us;
    bool in_flight;  ///< Something was under way all the time.
    std::size_t went;
  };
  for (const Case& c : {Case{"short", PartitionLanes::kKnownUs, false, 3},
                        Case{"long", PartitionLanes::kKnownUs + 1, false, 1},
                        Case{"long, but not at rest", PartitionLanes::kKnownUs + 1, true, 3}}) {
    PartitionLanes lanes(kBatch, kBusy);
    lanes.add(0, 1);
    ASSERT_TRUE(lanes.open(0, kStart));
    lanes.sent(0);
    lanes.acknowledged(0, kStart);
    if (c.in_flight) {
      ASSERT_TRUE(lanes.open(0, kStart));
      lanes.sent(0);
    }
    std::vector<InFlightRecord> records(3);
    EXPECT_EQ(offer(lanes, 0, records, kStart + c.rest_us), c.went) << c.name;
  }
}

TEST(PartitionLanes, WhatComesWhileAFewAreUnderWayIsGathered) {
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 1);
  make_known(lanes, 0, kStart);
  std::vector<InFlightRecord> records = records_of(9, 500);
  EXPECT_EQ(offer(lanes, 0, records, kStart), PartitionLanes::kAtOnce);
  for (std::uint32_t arrived = 1; arrived < PartitionLanes::kAtOnce; ++arrived) {
    EXPECT_FALSE(lanes.acknowledged(0, kStart)) << arrived;
    EXPECT_EQ(lanes.may_go_bytes(0, kStart), 0U);
  }
  EXPECT_TRUE(lanes.acknowledged(0, kStart));
  EXPECT_EQ(served(lanes, 0, records, kStart), "5678");
  EXPECT_EQ(lanes.way(0), Way::kPrompt) << "not much was gathered";
}

TEST(PartitionLanes, ABusyPartitionTakesTheBulkWayUntilItHasNothingMore) {
  constexpr std::uint32_t kBytes = 30'000;
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 1);
  make_known(lanes, 0, kStart);
  std::vector<InFlightRecord> records = records_of(10, kBytes);
  EXPECT_EQ(offer(lanes, 0, records, kStart), PartitionLanes::kAtOnce);
  EXPECT_EQ(lanes.way(0), Way::kPrompt);
  for (std::uint32_t arrived = 0; arrived < PartitionLanes::kAtOnce; ++arrived) {
    EXPECT_EQ(lanes.way(0), Way::kPrompt) << "as long as one is under way";
    lanes.acknowledged(0, kStart);
  }
  EXPECT_EQ(served(lanes, 0, records, kStart), "5678") << "a batch";
  EXPECT_EQ(lanes.way(0), Way::kBulk);
  for (std::size_t arrived = 0; arrived < 4; ++arrived) {
    EXPECT_EQ(served(lanes, 0, records, kStart), "") << "one batch at a time";
    lanes.acknowledged(0, kStart);
  }
  EXPECT_EQ(served(lanes, 0, records, kStart), "9");
  EXPECT_EQ(lanes.way(0), Way::kPrompt) << "what is left is little";
  lanes.acknowledged(0, kStart);
  EXPECT_TRUE(lanes.open(0, kStart));
}

TEST(PartitionLanes, EachWayHasAProducerThatThePartitionMayNotKnow) {
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 1);
  std::vector<InFlightRecord> records = records_of(4, kBusy);
  EXPECT_EQ(offer(lanes, 0, records, kStart), 1U);
  lanes.acknowledged(0, kStart);
  EXPECT_EQ(served(lanes, 0, records, kStart), "1") << "the bulk way's first record goes alone, too";
  EXPECT_EQ(lanes.way(0), Way::kBulk);
  lanes.acknowledged(0, kStart);
  EXPECT_EQ(served(lanes, 0, records, kStart), "23");
}

TEST(PartitionLanes, WithOneWayAllGoByIt) {
  PartitionLanes lanes(kBatch, SIZE_MAX);
  lanes.add(0, 1);
  std::vector<InFlightRecord> records = records_of(9, kBusy);
  EXPECT_EQ(offer(lanes, 0, records, kStart), 1U);
  lanes.acknowledged(0, kStart);
  EXPECT_EQ(served(lanes, 0, records, kStart), "1234") << "a batch";
  EXPECT_EQ(lanes.way(0), Way::kPrompt);
}

TEST(PartitionLanes, OffsetsProveThatRecordsStand) {
  using enum PartitionLanes::Proof;
  struct Case {
    const char* name;
    std::int64_t next;  ///< As the checkpoint has it.
    std::vector<std::int64_t> offsets;
    PartitionLanes::Proof last;
  };
  for (const Case& c : {
           Case{"one after the other", 0, {0, 1, 2}, kStands},
           Case{"others write, too", 0, {0, 5, 9}, kStands},
           Case{"what the broker did not say has room", 0, {0, -1, -1, 3}, kStands},
           Case{"and more room than needed", 0, {0, -1, 7}, kStands},
           Case{"no room for one", 0, {0, -1, 1}, kNotThere},
           Case{"room for one of two", 0, {0, -1, -1, 2}, kNotThere},
           Case{"no room at the beginning", 0, {-1, 0}, kNotThere},
           Case{"no room behind the checkpoint", 10, {-1, 10}, kNotThere},
           Case{"room behind the checkpoint", 10, {-1, 11}, kStands},
           Case{"sent again before it was stored", 10, {17}, kStands},
           Case{"nothing is compared twice", 0, {0, -1, 2, 3}, kStands},
           Case{"the same place again", 0, {0, 1, 1}, kCutBehind},
           Case{"back to the beginning", 0, {5, 0}, kCutBehind},
           Case{"before the checkpoint", 10, {9}, kCutBehind},
       }) {
    PartitionLanes lanes(kBatch, kBusy);
    lanes.add(0, 2);
    lanes.ends_at(1, c.next);
    for (std::size_t i = 0; i + 1 < c.offsets.size(); ++i) {
      EXPECT_EQ(lanes.prove(1, c.offsets[i]), kStands) << c.name << ", " << i;
    }
    EXPECT_EQ(lanes.prove(1, c.offsets.back()), c.last) << c.name;
    EXPECT_EQ(lanes.prove(0, 0), kStands) << "another partition";
  }
}

TEST(PartitionLanes, TopicsFollowEachOther) {
  PartitionLanes lanes(kBatch, kBusy);
  lanes.add(0, 3);
  lanes.add(3, 2);
  EXPECT_EQ(lanes.size(), 5U);
  std::vector<InFlightRecord> records(2);
  EXPECT_EQ(offer(lanes, 2, records, kStart), 1U);
  EXPECT_EQ(offer(lanes, 3, records, kStart), 1U);
}

}  // namespace
}  // namespace millrace
