// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/integer.h"

#include <charconv>
#include <system_error>

namespace millrace::postgres {

bool is_integer_slowly(std::string_view text, const IntegerRange& range) noexcept {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end || value < range.least || value > range.most)
    return false;
  // JSON has no leading zeros.
  const std::string_view digits = text.substr(text[0] == '-' ? 1 : 0);
  return digits.size() == 1 || digits[0] != '0';
}

}  // namespace millrace::postgres
