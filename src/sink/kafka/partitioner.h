// SPDX-License-Identifier: Apache-2.0
// Which partition a record goes to.
#pragma once
#include <cstdint>

namespace millrace {

/// As the Java client does: the hash without its sign bit, modulo the count, which need be no power of two.
/// Source: Apache Kafka, org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey.
constexpr std::int32_t partition_of(std::uint32_t key_hash, std::int32_t partitions) noexcept {
  return static_cast<std::int32_t>((key_hash & 0x7fff'ffffU) % static_cast<std::uint32_t>(partitions));
}

}  // namespace millrace
