// SPDX-License-Identifier: Apache-2.0
// Pieces of numbered records, as workers make them, for tests of what sinks write.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "change/record.h"

namespace millrace::test {

inline const Topic& test_topic() {
  static const Topic topic{"p.public.t", 0};
  return topic;
}

inline const std::byte* bytes_of(const std::string& text) {
  return reinterpret_cast<const std::byte*>(text.data());
}

/// Records {"n":<number>} with a processing time, and their memory.
class NumberedPiece {
 public:
  /// @param marks  one behind the last record, unless false.
  NumberedPiece(std::uint64_t first, std::uint64_t last, std::int64_t ts_ms, bool mark = true) {
    for (std::uint64_t n = first; n <= last; ++n) {
      // A key column named "value", and lines of differing length.
      auto key = std::make_unique<std::string>("{\"n\":" + std::to_string(n) + ",\"value\":\"k\"}");
      const std::string head =
          "{\"n\":" + std::to_string(n) + ",\"pad\":\"" + std::string(n * 7 % 23, 'x') + "\",";
      const std::string clock = "\"ts_ms\":" + std::to_string(ts_ms) + "}";
      auto value = std::make_unique<std::string>(head + clock);
      Record record;
      record.topic = &test_topic();
      record.key = bytes_of(*key);
      record.key_size = static_cast<std::uint32_t>(key->size());
      record.value = bytes_of(*value);
      record.value_size = static_cast<std::uint32_t>(value->size());
      record.volatile_at = static_cast<std::uint32_t>(head.size());
      record.volatile_size = static_cast<std::uint32_t>(clock.size());
      record.arrival = n;
      piece.records.push_back(record);
      texts_.push_back(std::move(key));
      texts_.push_back(std::move(value));
    }
    if (mark) add_mark(piece.records.size());
  }
  void add_mark(std::size_t record_end) {
    PieceMark mark;
    mark.record_end = static_cast<std::uint32_t>(record_end);
    piece.marks.push_back(mark);
  }

  Piece piece;

 private:
  std::vector<std::unique_ptr<std::string>> texts_;
};

}  // namespace millrace::test
