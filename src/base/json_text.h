// SPDX-License-Identifier: Apache-2.0
// Text inside a JSON string, for logs and reports. Events are written by format/, which follows Jackson byte
// by byte.
#pragma once
#include <string>
#include <string_view>

namespace millrace {

/// Appends `text` escaped, without quotes around it. Bytes that are not UTF-8 become U+FFFD, so the result
/// always is.
void append_json_text(std::string& out, std::string_view text);

/// The same with quotes around it.
std::string json_quoted(std::string_view text);

/// Length of the UTF-8 sequence at the front of `text`, or 0 when there is none (malformed, surrogate,
/// overlong).
std::size_t utf8_length(std::string_view text) noexcept;

}  // namespace millrace
