// SPDX-License-Identifier: Apache-2.0
// Constant text between values, with readable bytes behind it so that it can be copied in whole vectors.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/slab.h"

namespace millrace::debezium {

/// A text of its own. Keeps its memory when it is written again.
class Fragment {
 public:
  Fragment() { finish(); }
  explicit Fragment(std::string text) : text_(std::move(text)) { finish(); }

  std::string_view view() const noexcept { return {text_.data(), size_}; }
  std::size_t size() const noexcept { return size_; }
  std::string_view from(std::size_t at) const noexcept { return {text_.data() + at, size_ - at}; }
  std::string_view first(std::size_t count) const noexcept { return {text_.data(), count}; }

  /// Begins a new text: append to what is returned, then finish().
  std::string& rewrite() {
    text_.clear();
    return text_;
  }
  void finish() {
    size_ = text_.size();
    text_.append(kPadding, '\0');
  }

 private:
  std::string text_;
  std::size_t size_ = 0;
};

}  // namespace millrace::debezium
