// SPDX-License-Identifier: Apache-2.0
// What a record costs: on the wire, where a topic limits it, and in librdkafka's memory, where we do.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "change/record.h"
#include "sink/kafka/in_flight.h"

namespace millrace {

/// Bytes of a varint as records have them: zigzag, seven bits a byte.
constexpr std::size_t varint_bytes(std::int64_t value) noexcept {
  auto rest = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  std::size_t bytes = 1;
  while (rest >= 0x80) {
    rest >>= 7;
    ++bytes;
  }
  return bytes;
}

/// A header's part of a record.
constexpr std::size_t header_wire_bytes(std::size_t name, std::size_t value) noexcept {
  return varint_bytes(static_cast<std::int64_t>(name)) + name +
         varint_bytes(static_cast<std::int64_t>(value)) + value;
}

using ContextHeader = std::pair<std::string, std::string>;

constexpr std::string_view own_header_name(const Record& record) noexcept {
  return record.own_header_is_new_key ? "__debezium.newkey" : "__debezium.oldkey";
}

/// What the headers of records come to.
class HeaderSizes {
 public:
  /// @param context  those that the records of a pipeline share.
  explicit HeaderSizes(const std::vector<ContextHeader>& context) : count_(context.size()) {
    for (const auto& [name, value] : context) bytes_ += header_wire_bytes(name.size(), value.size());
  }
  /// How many a record has, and their bytes in a record batch.
  std::pair<std::size_t, std::size_t> of(const Record& record) const noexcept {
    std::size_t count = record.context_headers ? count_ : 0;
    std::size_t bytes = record.context_headers ? bytes_ : 0;
    if (record.own_header != nullptr) {
      ++count;
      bytes += header_wire_bytes(own_header_name(record).size(), record.own_header_size);
    }
    return {count, bytes};
  }

 private:
  std::size_t count_;
  std::size_t bytes_ = 0;
};

/// A record alone in a batch, not compressed: what a broker compares with max.message.bytes. `key` and
/// `value`: their size, or -1 for null.
/// Source: Apache Kafka documentation, Message Format, Record Batch and Record.
constexpr std::size_t batch_of_one_bytes(std::int64_t key, std::int64_t value, std::size_t headers,
                                         std::size_t header_bytes) noexcept {
  constexpr std::size_t kBatchHead = 61;
  constexpr std::size_t kAttributesAndDeltas = 1 + 1 + 1;
  const std::size_t body = kAttributesAndDeltas + varint_bytes(key) +
                           static_cast<std::size_t>(key > 0 ? key : 0) + varint_bytes(value) +
                           static_cast<std::size_t>(value > 0 ? value : 0) +
                           varint_bytes(static_cast<std::int64_t>(headers)) + header_bytes;
  return kBatchHead + varint_bytes(static_cast<std::int64_t>(body)) + body;
}

/// What the allocator sets aside for a block: jemalloc has four sizes to a doubling, from 128 bytes on.
constexpr std::size_t block_bytes(std::size_t size) noexcept {
  const std::size_t step = size <= 128 ? 16 : std::bit_floor(size - 1) / 4;
  return (size + step - 1) / step * step;
}

/// Of librdkafka 2.14, 64-bit: its struct for a message, behind which the key stands; its struct for a list
/// of headers, with room for the pointers; a block for each header, which holds name and value. A test
/// compares them with what is really allocated.
inline constexpr std::size_t kMessageBytes = 176;
inline constexpr std::size_t kHeaderListBytes = 96;
inline constexpr std::size_t kHeaderBlockBytes = 56;

/// What a record under way has allocated beside its value, which stays in its piece.
constexpr std::size_t message_memory_bytes(std::size_t key, std::size_t headers,
                                           std::size_t header_bytes) noexcept {
  // Header blocks are rounded up, too: by a quarter at most.
  const std::size_t header_blocks =
      headers == 0 ? 0 : kHeaderListBytes + headers * kHeaderBlockBytes + header_bytes + header_bytes / 4;
  return sizeof(InFlightRecord) + block_bytes(kMessageBytes + key) + header_blocks;
}

}  // namespace millrace
