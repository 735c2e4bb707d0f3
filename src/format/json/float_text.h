// SPDX-License-Identifier: Apache-2.0
// Floating-point numbers as Java's Double.toString and Float.toString write them (JDK 19 and newer), which is
// what Jackson prints: 1.0, 123456.789, 1.0E7, 1.234E-5; NaN and infinities in quotes. Source:
// debezium-contract 10.1 and 10.2; JDK documentation of Double.toString.
#pragma once
#include <cstddef>
#include <string_view>

namespace millrace::format {

/// Room that a number needs: sign, 17 digits, point, E-324; quotes; stores of eight.
inline constexpr std::size_t kFloatTextMax = 48;

char* put_float64(char* out, double value) noexcept;
char* put_float32(char* out, float value) noexcept;

/// Rewrites a number that is already the shortest text of its value, as PostgreSQL writes it (12.5, 1e+20,
/// NaN, -Infinity), without converting it. Text with more digits than the type needs is converted. Reads up
/// to 8 bytes behind the text. @return nullptr when it is not a number or out of range.
char* put_float64_text(char* out, std::string_view text) noexcept;
char* put_float32_text(char* out, std::string_view text) noexcept;

}  // namespace millrace::format
