// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/record_size.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/murmur2.h"
#include "sink/kafka/partitioner.h"

namespace millrace {
namespace {

TEST(RecordSize, VarintsAreZigzag) {
  EXPECT_EQ(varint_bytes(0), 1U);
  EXPECT_EQ(varint_bytes(-1), 1U);
  EXPECT_EQ(varint_bytes(63), 1U);
  EXPECT_EQ(varint_bytes(64), 2U);
  EXPECT_EQ(varint_bytes(-64), 1U);
  EXPECT_EQ(varint_bytes(-65), 2U);
  EXPECT_EQ(varint_bytes(8191), 2U);
  EXPECT_EQ(varint_bytes(8192), 3U);
}

TEST(RecordSize, ABatchOfOneIsCountedByTheByte) {
  // 61 of the batch, 1 length, attributes, two deltas, two lengths of -1 or more, the count of headers.
  EXPECT_EQ(batch_of_one_bytes(-1, -1, 0, 0), 61U + 1 + 6);
  EXPECT_EQ(batch_of_one_bytes(3, 5, 0, 0), 61U + 1 + 6 + 8);
  EXPECT_EQ(batch_of_one_bytes(0, 100, 1, header_wire_bytes(2, 3)), 61U + 2 + 7 + 100 + 7);
  EXPECT_EQ(header_wire_bytes(2, 3), 7U);
}

struct Partitioned {
  std::string_view key;
  std::int32_t partitions;
  std::int32_t partition;
};
class JavaPartition : public testing::TestWithParam<Partitioned> {};

TEST_P(JavaPartition, IsOurs) {
  const auto& [key, partitions, partition] = GetParam();
  EXPECT_EQ(partition_of(partition_hash(std::as_bytes(std::span(key))), partitions), partition);
}

// From the hashes that Apache Kafka's UtilsTest.testMurmur2 names, sign bit off, modulo the count.
INSTANTIATE_TEST_SUITE_P(
    Table, JavaPartition,
    testing::Values(Partitioned{"21", 1, 0},
                    Partitioned{"21", 7, static_cast<std::int32_t>((-973932308 & 0x7fffffff) % 7)},
                    Partitioned{"foobar", 12, static_cast<std::int32_t>((-790332482 & 0x7fffffff) % 12)},
                    Partitioned{"a-little-bit-long-string", 100,
                                static_cast<std::int32_t>((-985981536 & 0x7fffffff) % 100)}));

TEST(Partitioner, AHashWithItsSignBitIsTakenWithoutIt) {
  EXPECT_EQ(partition_of(0x8000'0005U, 3), 2);
  EXPECT_EQ(partition_of(0xffff'ffffU, 1), 0);
}

}  // namespace
}  // namespace millrace
