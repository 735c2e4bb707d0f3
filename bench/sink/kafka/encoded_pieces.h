// SPDX-License-Identifier: Apache-2.0
// Encoded records as the workers hand them on: pieces of 256 KiB with small rows, which are sent again and
// again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/murmur2.h"
#include "change/record.h"

namespace millrace {

/// What a record carries beside key and value.
enum class Headers : std::uint8_t { kNone, kContext, kContextAndOwn };

class EncodedPieces {
 public:
  static constexpr std::size_t kPieceBytes = 256 * 1024;
  static constexpr std::size_t kPieces = 128;  // 32 MiB, as the pipeline has by default for Kafka
  static constexpr std::size_t kValueBytes = 500;

  EncodedPieces(const Topic& topic, Headers headers) {
    const std::string value = R"({"before":null,"after":{)" + std::string(kValueBytes - 26, 'v') + "}}";
    for (std::size_t i = 0; i < kPieces; ++i) {
      pieces_.push_back(std::make_unique<Piece>());
      fill(*pieces_.back(), topic, headers, value);
      free_.push_back(pieces_.back().get());
    }
  }

  /// All pieces have as many.
  std::size_t records_each() const noexcept { return pieces_.front()->records.size(); }
  std::size_t bytes_each() const noexcept { return pieces_.front()->bytes; }

  /// nullptr: all are under way.
  Piece* take() {
    if (free_.empty()) return nullptr;
    Piece* const piece = free_.back();
    free_.pop_back();
    return piece;
  }
  void give_back(Piece* piece) { free_.push_back(piece); }

 private:
  static constexpr std::string_view kOldKey = R"({"id":1000000000})";

  void fill(Piece& piece, const Topic& topic, Headers headers, std::string_view value) {
    piece.storage = std::make_unique<std::byte[]>(kPieceBytes);
    piece.chunk = piece.storage.get();
    piece.chunk_size = kPieceBytes;
    const auto put = [&piece](std::string_view text) {
      std::byte* const at = piece.chunk + piece.bytes;
      std::memcpy(at, text.data(), text.size());
      piece.bytes += text.size();
      return at;
    };
    for (;;) {
      const std::string key =
          R"({"id":)" + std::to_string(1'000'000'000'000'000'000 + next_id_++) + R"(,"n":1})";
      if (piece.bytes + key.size() + value.size() > kPieceBytes) break;
      Record record;
      record.topic = &topic;
      record.key = put(key);
      record.key_size = static_cast<std::uint32_t>(key.size());
      record.value = put(value);
      record.value_size = static_cast<std::uint32_t>(value.size());
      record.partition_hash = partition_hash(std::as_bytes(std::span(key)));
      record.context_headers = headers != Headers::kNone;
      if (headers == Headers::kContextAndOwn) {
        record.own_header = reinterpret_cast<const std::byte*>(kOldKey.data());
        record.own_header_size = kOldKey.size();
      }
      piece.records.push_back(record);
    }
    piece.last = true;
  }

  std::vector<std::unique_ptr<Piece>> pieces_;
  std::vector<Piece*> free_;
  std::uint64_t next_id_ = 0;
};

}  // namespace millrace
