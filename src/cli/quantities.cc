// SPDX-License-Identifier: Apache-2.0
#include "cli/quantities.h"

#include "base/concat.h"

#include <array>
#include <cstdio>
#include <span>

namespace millrace::cli {
namespace {

/// `value` in the largest unit that leaves at least 1, with one decimal below 100. The first unit is exact.
std::string scaled(std::uint64_t value, std::uint64_t step, std::span<const char* const> units) {
  if (value < step) return concat(value, units[0]);
  double shown = static_cast<double>(value);
  std::size_t unit = 0;
  // 999.95 of a unit would be printed as 1000.0 of it.
  while (unit + 1 < units.size() && shown >= static_cast<double>(step) - 0.05) {
    shown /= static_cast<double>(step);
    ++unit;
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), shown < 99.95 ? "%.1f%s" : "%.0f%s", shown, units[unit]);
  return text.data();
}

}  // namespace

std::string short_count(std::uint64_t count) {
  static constexpr std::array kUnits = {"", "k", "M", "G", "T", "P"};
  return scaled(count, 1000, kUnits);
}

std::string short_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
  return scaled(bytes, 1024, kUnits);
}

std::string short_duration_ms(std::uint64_t ms) {
  if (ms < 1000) return concat(ms, " ms");
  std::array<char, 48> text{};
  const unsigned long long seconds = ms / 1000;
  if (seconds < 60) {
    std::snprintf(text.data(), text.size(), "%llu.%llu s", seconds, ms % 1000 / 100ULL);
  } else if (seconds < 3600) {
    std::snprintf(text.data(), text.size(), "%llu:%02llu", seconds / 60, seconds % 60);
  } else if (seconds < 86'400) {
    std::snprintf(text.data(), text.size(), "%llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60,
                  seconds % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%llud %02llu:%02llu", seconds / 86'400, seconds / 3600 % 24,
                  seconds / 60 % 60);
  }
  return text.data();
}

}  // namespace millrace::cli
