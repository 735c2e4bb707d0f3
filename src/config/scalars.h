// SPDX-License-Identifier: Apache-2.0
// Single values as text: numbers, sizes, booleans, comma-separated words.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// Without blanks, tabs and line ends at both ends.
std::string_view trimmed(std::string_view text) noexcept;

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;  // ASCII letters

/// `true` or `false` in any letter case, as Kafka's configuration reads them; not YAML's yes, no, on, off.
std::optional<bool> parse_bool(std::string_view text) noexcept;

/// Decimal digits with an optional sign, nothing else; nothing when it does not fit.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// Bytes: digits, then nothing or B, KiB, MiB, GiB, TiB (powers of 1024), kB, MB, GB, TB (powers of 1000).
std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept;

/// The shortest exact form with a binary unit: 65536 is `64 KiB`, 1000 is `1000`.
std::string format_bytes(std::uint64_t bytes);

/// Entries between commas, trimmed, empty ones left out.
std::vector<std::string> split_words(std::string_view text);

std::string join_words(const std::vector<std::string>& words);

}  // namespace millrace::config
