// SPDX-License-Identifier: Apache-2.0
#include "runtime/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace millrace {
namespace {

constexpr std::size_t kSlab = 64 * 1024;

TEST(SlabPool, SlabComesEmptyWithOneReferenceAndReadablePadding) {
  SlabPool pool(kSlab, 4 * kSlab);
  Slab* slab = pool.take();
  ASSERT_NE(slab, nullptr);
  EXPECT_EQ(slab->capacity, kSlab);
  EXPECT_EQ(slab->filled, 0U);
  EXPECT_EQ(slab->references, 1U);
  const std::byte* const padding = slab->memory.get() + slab->capacity;
  EXPECT_TRUE(std::all_of(padding, padding + kPadding, [](std::byte b) { return b == std::byte{0}; }));
  pool.release(slab);
}

TEST(SlabPool, LastReferenceReturnsTheSlabAndTheNewestComesFirst) {
  SlabPool pool(kSlab, 4 * kSlab);
  Slab* first = pool.take();
  Slab* second = pool.take();
  pool.add_reference(first);
  pool.release(first);
  EXPECT_EQ(pool.used_bytes(), 2 * kSlab);
  pool.release(second);
  pool.release(first);
  EXPECT_EQ(pool.used_bytes(), 0U);
  EXPECT_EQ(pool.take(), first);
  EXPECT_EQ(pool.take(), second);
}

TEST(SlabPool, BudgetIsNeverPassedByOrdinarySlabs) {
  SlabPool pool(kSlab, 3 * kSlab - 1);
  Slab* first = pool.take();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(pool.take(), nullptr);
  EXPECT_EQ(pool.take(), nullptr);
  pool.release(first);
  EXPECT_NE(pool.take(), nullptr);
}

struct Oversize {
  const char* name;
  std::size_t out;   // ordinary slabs that are out
  std::size_t free;  // and that lie free
  std::size_t bytes;
  bool granted;
  std::size_t free_after;  // of the free ones
};
class TakesOversize : public testing::TestWithParam<Oversize> {};
TEST_P(TakesOversize, WithinTheBudgetOrAlone) {
  const Oversize& row = GetParam();
  SlabPool pool(kSlab, 4 * kSlab);
  std::vector<Slab*> slabs;
  for (std::size_t i = 0; i < row.out + row.free; ++i) slabs.push_back(pool.take());
  for (std::size_t i = 0; i < row.free; ++i) pool.release(slabs[row.out + i]);

  Slab* large = pool.take_oversize(row.bytes);
  EXPECT_EQ(large != nullptr, row.granted);
  EXPECT_EQ(pool.free_resident_bytes(), row.free_after * kSlab);
  if (large == nullptr) return;
  EXPECT_EQ(large->capacity, row.bytes);
  EXPECT_TRUE(large->oversize);
  std::memset(large->memory.get(), 1, row.bytes + kPadding);
  EXPECT_EQ(pool.used_bytes(), row.out * kSlab + row.bytes);
  if (pool.used_bytes() > pool.budget_bytes()) {
    EXPECT_EQ(pool.take(), nullptr);
    EXPECT_EQ(pool.take_oversize(1), nullptr);
  }
  pool.release(large);
  EXPECT_EQ(pool.used_bytes(), row.out * kSlab);
  EXPECT_EQ(pool.free_resident_bytes(), row.free_after * kSlab) << "an oversize slab is freed, not pooled";
}
INSTANTIATE_TEST_SUITE_P(Table, TakesOversize,
                         testing::Values(Oversize{"fits", 1, 1, 2 * kSlab, true, 1},
                                         Oversize{"fits_when_free_slabs_go", 1, 3, 3 * kSlab, true, 0},
                                         Oversize{"fits_when_one_free_slab_goes", 1, 3, kSlab + 1, true, 1},
                                         Oversize{"beyond_while_others_are_out", 1, 1, 3 * kSlab + 1, false,
                                                  1},
                                         Oversize{"beyond_and_alone", 0, 4, 100 * kSlab, true, 0},
                                         Oversize{"beyond_and_first", 0, 0, 4 * kSlab + 1, true, 0}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SlabPool, TrimGivesBackOnlyWhatLayFreeForAWholeInterval) {
  SlabPool pool(kSlab, 8 * kSlab);
  std::vector<Slab*> slabs;
  for (int i = 0; i < 6; ++i) slabs.push_back(pool.take());
  for (Slab* slab : slabs) std::memset(slab->memory.get(), 0x5a, slab->capacity + kPadding);
  for (Slab* slab : slabs) pool.release(slab);

  std::int64_t now_us = 1'000;
  pool.trim(now_us);  // starts the first interval
  Slab* a = pool.take();
  Slab* b = pool.take();
  pool.release(b);
  pool.release(a);
  pool.trim(now_us + SlabPool::kTrimIntervalUs - 1);
  EXPECT_EQ(pool.free_resident_bytes(), 6 * kSlab) << "the interval is not over";
  now_us += SlabPool::kTrimIntervalUs;
  pool.trim(now_us);
  EXPECT_EQ(pool.free_resident_bytes(), 2 * kSlab) << "two were in use, four were not";
  now_us += SlabPool::kTrimIntervalUs;
  pool.trim(now_us);
  EXPECT_EQ(pool.free_resident_bytes(), 0U);

  for (int i = 0; i < 6; ++i) {
    Slab* slab = pool.take();
    ASSERT_NE(slab, nullptr);
    EXPECT_TRUE(slab->resident);
    EXPECT_EQ(slab->memory[kSlab / 2], std::byte{0}) << "the page came back from the system, zeroed";
    EXPECT_EQ(slab->memory[kSlab], std::byte{0x5a}) << "padding shares its page with the allocator: it stays";
    std::memset(slab->memory.get(), 1, slab->capacity);
  }
}

}  // namespace
}  // namespace millrace
