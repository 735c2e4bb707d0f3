// SPDX-License-Identifier: Apache-2.0
// The proleptic Gregorian calendar, in days. Year 0 is 1 BC, as in ISO 8601.
// The arithmetic counts from 1 March, so that the leap day is a year's last day, in eras of 400 years
// (146,097 days).
#pragma once
#include <cstdint>

namespace millrace::postgres {

inline constexpr std::int64_t kUsPerSecond = 1'000'000;
inline constexpr std::int64_t kUsPerDay = 86'400 * kUsPerSecond;
/// PostgreSQL counts from 2000-01-01, consumers from 1970-01-01.
inline constexpr std::int64_t kPgEpochUnixDays = 10'957;
inline constexpr std::int64_t kPgEpochUnixUs = kPgEpochUnixDays * kUsPerDay;

struct CivilDate {
  std::int32_t year = 0;
  std::uint32_t month = 0;  ///< 1 to 12
  std::uint32_t day = 0;    ///< 1 to 31
};

constexpr bool is_leap(std::int32_t year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr bool is_date(std::int32_t year, std::uint32_t month, std::uint32_t day) noexcept {
  constexpr std::uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month - 1 >= 12 || day - 1 >= 31) return false;
  if (day <= 28) return true;
  return day <= days[month - 1] || (month == 2 && day == 29 && is_leap(year));
}

/// Days since 1970-01-01.
constexpr std::int64_t days_from_civil(CivilDate date) noexcept {
  const std::int64_t year = std::int64_t{date.year} - (date.month <= 2);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<std::uint32_t>(year - era * 400);
  const std::uint32_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
  const std::uint32_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const std::uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;  // days from 0000-03-01 to 1970-01-01
}

constexpr CivilDate civil_from_days(std::int64_t unix_days) noexcept {
  const std::int64_t days = unix_days + 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<std::uint32_t>(days - era * 146'097);
  const std::uint32_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const auto year = static_cast<std::int32_t>(era * 400 + year_of_era) + (month <= 2);
  return {year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

}  // namespace millrace::postgres
