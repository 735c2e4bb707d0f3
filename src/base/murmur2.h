// SPDX-License-Identifier: Apache-2.0
// The hash by which Kafka's Java client picks a partition.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

/// Kafka's 32-bit MurmurHash2: seed 0x9747b28c, four bytes at a step, little-endian.
/// Source: Apache Kafka, org.apache.kafka.common.utils.Utils.murmur2.
std::uint32_t murmur2(std::span<const std::byte> bytes) noexcept;

/// What the Java client takes modulo the partition count: the hash without its sign bit.
inline std::uint32_t partition_hash(std::span<const std::byte> key) noexcept {
  return murmur2(key) & 0x7fff'ffffU;
}

}  // namespace millrace
