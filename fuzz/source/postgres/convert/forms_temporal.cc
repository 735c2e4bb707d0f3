// SPDX-License-Identifier: Apache-2.0
// Dates and times as date_out, time_out, timestamp_out write them. The calendar walks year by year.
#include <cstdlib>
#include <limits>

#include "source/postgres/convert/forms.h"

namespace millrace::fuzz {
namespace {

std::string padded(std::uint64_t value, std::size_t width) {
  std::string text = std::to_string(value);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

std::string date_text(std::int64_t days_since_2000, const std::string& behind = {}) {
  constexpr std::int64_t kDaysOf400Years = 146'097;
  constexpr int kMonths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  std::int64_t eras = days_since_2000 / kDaysOf400Years;
  std::int64_t days = days_since_2000 % kDaysOf400Years;
  if (days < 0) {
    days += kDaysOf400Years;
    --eras;
  }
  std::int64_t year = 2000 + 400 * eras;
  while (days >= 365 + is_leap(year)) {
    days -= 365 + is_leap(year);
    ++year;
  }
  int month = 0;
  for (;; ++month) {
    const int in_month = kMonths[month] + (month == 1 && is_leap(year));
    if (days < in_month) break;
    days -= in_month;
  }
  const bool before_christ = year <= 0;
  return padded(static_cast<std::uint64_t>(before_christ ? 1 - year : year), 4) + "-" +
         padded(static_cast<std::uint64_t>(month + 1), 2) + "-" +
         padded(static_cast<std::uint64_t>(days + 1), 2) + behind + (before_christ ? " BC" : "");
}

std::string time_text(std::int64_t us) {
  const auto seconds = static_cast<std::uint64_t>(us / 1'000'000);
  std::string text =
      padded(seconds / 3600, 2) + ":" + padded(seconds / 60 % 60, 2) + ":" + padded(seconds % 60, 2);
  if (us % 1'000'000 == 0) return text;
  text += "." + padded(static_cast<std::uint64_t>(us % 1'000'000), 6);
  while (text.back() == '0') text.pop_back();
  return text;
}

std::string timestamp_text(std::int64_t us, const std::string& zone) {
  constexpr std::int64_t kDay = 86'400'000'000;
  std::int64_t days = us / kDay;
  std::int64_t time = us % kDay;
  if (time < 0) {
    time += kDay;
    --days;
  }
  return date_text(days, " " + time_text(time) + zone);
}

}  // namespace

std::string temporal_text(postgres::Op op, std::int64_t value) {
  using postgres::Op;
  if (op == Op::kDate) {
    if (value == std::numeric_limits<std::int32_t>::max()) return "infinity";
    if (value == std::numeric_limits<std::int32_t>::min()) return "-infinity";
    return date_text(value);
  }
  if (op == Op::kTimeMicros) return time_text(value);
  if (value == std::numeric_limits<std::int64_t>::max()) return "infinity";
  if (value == std::numeric_limits<std::int64_t>::min()) return "-infinity";
  return timestamp_text(value, op == Op::kZonedTimestamp ? "+00" : "");
}

}  // namespace millrace::fuzz
