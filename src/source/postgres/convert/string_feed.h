// SPDX-License-Identifier: Apache-2.0
// A string made character by character, for values that have to be unquoted or composed: handed to the writer
// in pieces that end between characters.
#pragma once
#include <cstddef>
#include <string_view>

#include "runtime/slab.h"

namespace millrace::postgres {

/// put() any number of times, then finish(). The writer's begin_string() and end_string() are the caller's.
template <class Writer>
class StringFeed {
 public:
  explicit StringFeed(Writer& writer) noexcept : writer_(writer) {}

  void put(char c) noexcept {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (size_ >= kPiece && (!continues || size_ == kRoom)) flush();
    buffer_[size_++] = c;
  }
  void put(std::string_view text) noexcept {
    for (const char c : text) put(c);
  }
  /// False when what was put is not UTF-8.
  [[nodiscard]] bool finish() noexcept {
    flush();
    return good_;
  }

 private:
  static constexpr std::size_t kPiece = 120;
  static constexpr std::size_t kRoom = 128;  // more than three bytes may not continue a character anyway

  void flush() noexcept {
    if (!writer_.string_part({buffer_, size_})) good_ = false;
    size_ = 0;
  }

  Writer& writer_;
  std::size_t size_ = 0;
  bool good_ = true;
  char buffer_[kRoom + kPadding];
};

}  // namespace millrace::postgres
