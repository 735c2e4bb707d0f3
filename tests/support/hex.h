// SPDX-License-Identifier: Apache-2.0
// Bytes for decoder tests: written as hex grouped by field, held in blocks of exactly their length.
#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// "4e 0001 6e" as bytes. Spaces are for the reader; 'text' in single quotes stands for its characters.
inline std::vector<std::byte> from_hex(std::string_view hex) {
  const auto digit = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    throw std::invalid_argument(std::string("not a lower-case hex digit: ") + c);
  };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size();) {
    if (hex[i] == ' ') {
      ++i;
    } else if (hex[i] == '\'') {
      const std::size_t end = hex.find('\'', i + 1);
      if (end == std::string_view::npos) throw std::invalid_argument("a quote is not closed");
      for (const char c : hex.substr(i + 1, end - i - 1)) bytes.push_back(static_cast<std::byte>(c));
      i = end + 1;
    } else {
      if (i + 1 == hex.size()) throw std::invalid_argument("half a byte");
      bytes.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
      i += 2;
    }
  }
  return bytes;
}

/// A heap block of exactly this length, so that the address sanitizer catches one byte too far.
class ExactBytes {
 public:
  explicit ExactBytes(std::span<const std::byte> bytes)
      : block_(std::make_unique<std::byte[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), block_.get());
  }
  explicit ExactBytes(std::string_view hex) : ExactBytes(std::span<const std::byte>(from_hex(hex))) {}

  std::span<const std::byte> span() const noexcept { return {block_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }

  /// A block of its own with the first n bytes.
  ExactBytes cut_at(std::size_t n) const { return ExactBytes(span().first(n)); }

 private:
  std::unique_ptr<std::byte[]> block_;
  std::size_t size_;
};

}  // namespace millrace::test
