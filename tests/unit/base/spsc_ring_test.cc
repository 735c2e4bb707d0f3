// SPDX-License-Identifier: Apache-2.0
#include "base/spsc_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace millrace {
namespace {

TEST(SpscRing, CapacityIsRoundedUpToAPowerOfTwo) {
  struct Row {
    std::size_t asked, given;
  };
  for (const Row row : {Row{0, 1}, Row{1, 1}, Row{2, 2}, Row{3, 4}, Row{4, 4}, Row{1000, 1024}}) {
    EXPECT_EQ(SpscRing<int>(row.asked).capacity(), row.given) << row.asked;
  }
}

TEST(SpscRing, FullRingTakesNothingAndEmptyRingGivesNothing) {
  SpscRing<int> ring(2);
  int out = 7;
  EXPECT_TRUE(ring.empty());
  EXPECT_FALSE(ring.try_pop(out));
  EXPECT_EQ(out, 7);
  EXPECT_TRUE(ring.try_push(1));
  EXPECT_TRUE(ring.try_push(2));
  EXPECT_FALSE(ring.try_push(3));
  EXPECT_EQ(ring.size_approximate(), 2U);
  EXPECT_TRUE(ring.try_pop(out));
  EXPECT_EQ(out, 1);
  EXPECT_TRUE(ring.try_push(3));
  EXPECT_TRUE(ring.try_pop(out) && out == 2);
  EXPECT_TRUE(ring.try_pop(out) && out == 3);
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRing, BatchesOfEverySizeKeepOrderAcrossTheWrap) {
  constexpr std::size_t kCapacity = 8;
  for (std::size_t push = 1; push <= kCapacity + 2; ++push) {
    for (std::size_t pop = 1; pop <= kCapacity + 2; ++pop) {
      SpscRing<std::uint32_t> ring(kCapacity);
      std::vector<std::uint32_t> in(push), out(pop);
      std::uint32_t sent = 0, received = 0;
      for (int turn = 0; turn < 50; ++turn) {
        std::iota(in.begin(), in.end(), sent);
        const std::size_t room = kCapacity - (sent - received);
        const std::size_t taken = ring.try_push_n(in);
        ASSERT_EQ(taken, std::min(room, push));
        sent += static_cast<std::uint32_t>(taken);
        const std::size_t got = ring.pop_n(out);
        ASSERT_EQ(got, std::min<std::size_t>(sent - received, pop));
        for (std::size_t i = 0; i < got; ++i) ASSERT_EQ(out[i], received++) << push << "/" << pop;
      }
    }
  }
}

TEST(SpscRing, ItemsThatCanOnlyBeMovedStayWithTheCallerWhenThereIsNoRoom) {
  SpscRing<std::unique_ptr<int>> ring(2);
  std::vector<std::unique_ptr<int>> in;
  for (int i = 0; i < 3; ++i) in.push_back(std::make_unique<int>(i));
  EXPECT_EQ(ring.try_push_n(in), 2U);
  EXPECT_EQ(in[0], nullptr);
  ASSERT_NE(in[2], nullptr);
  EXPECT_EQ(*in[2], 2);
  std::unique_ptr<int> out;
  ASSERT_TRUE(ring.try_pop(out));
  EXPECT_EQ(*out, 0);
}

TEST(SpscRing, WordsOfTheTwoThreadsLieApart) {
  EXPECT_EQ(alignof(SpscRing<int>), kCacheLine);
  EXPECT_GE(sizeof(SpscRing<int>), 3 * kCacheLine);  // constants, producer's words, consumer's words
}

// What one thread wrote before the push, plainly and outside the ring, the other sees after the pop: under
// the thread sanitizer a missing release or acquire is a report.
TEST(SpscRing, TwoThreadsHandOverEveryItemOnceAndWhatTheyPointTo) {
  constexpr std::uint64_t kItems = 400'000;
  constexpr std::size_t kPlaces = 256;
  SpscRing<std::uint64_t*> ring(64);
  std::vector<std::uint64_t> places(
      kPlaces);  // a place is reused once the consumer is far enough: through `back`
  SpscRing<std::uint64_t*> back(kPlaces);
  for (std::uint64_t& place : places) ASSERT_TRUE(back.try_push(&place));

  std::thread producer([&] {
    std::uint64_t next = 0;
    std::vector<std::uint64_t*> batch(48);
    while (next < kItems) {
      std::size_t n = back.pop_n(std::span(batch).first(1 + next % batch.size()));
      for (std::size_t i = 0; i < n; ++i) *batch[i] = next++;
      std::span<std::uint64_t*> rest = std::span(batch).first(n);
      while (!rest.empty()) {
        const std::size_t taken = ring.try_push_n(rest);
        rest = rest.subspan(taken);
        if (taken == 0) std::this_thread::yield();
      }
      if (n == 0) std::this_thread::yield();
    }
  });

  std::uint64_t expected = 0, wrong = 0;
  std::vector<std::uint64_t*> batch(33);
  std::uint64_t pushed_back = 0;
  while (expected < kItems) {
    const std::size_t n = ring.pop_n(std::span(batch).first(1 + expected % batch.size()));
    for (std::size_t i = 0; i < n; ++i) {
      if (*batch[i] < expected) ++wrong;
      expected = *batch[i] + 1;
    }
    pushed_back += back.try_push_n(std::span(batch).first(n));
    EXPECT_LE(ring.size_approximate(), ring.capacity());
    if (n == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(pushed_back, expected);  // each number once: as many as were numbered
}

}  // namespace
}  // namespace millrace
