// SPDX-License-Identifier: Apache-2.0
// absl::StrCat for std::string_view: Debian's Abseil has a string_view of its own, which the standard's does
// not convert to.
#pragma once
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <string>
#include <string_view>

namespace millrace {
namespace concat_internal {
template <class T>
const T& piece(const T& value) noexcept {
  return value;
}
inline absl::string_view piece(const std::string_view& text) noexcept { return {text.data(), text.size()}; }
}  // namespace concat_internal

/// The texts and numbers, one after the other.
template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  return absl::StrCat(concat_internal::piece(pieces)...);
}

template <class... Pieces>
void append(std::string& out, const Pieces&... pieces) {
  absl::StrAppend(&out, concat_internal::piece(pieces)...);
}

}  // namespace millrace
