// SPDX-License-Identifier: Apache-2.0
// Dates and times: the server's text (DateStyle ISO) to PostgreSQL's own numbers, and those numbers to text.
// Source: PostgreSQL docs, Date/Time Types; EncodeDateTime in the server.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "source/postgres/convert/calendar.h"
#include "source/postgres/convert/digits.h"

namespace millrace::postgres {

/// The server's numbers for infinity and -infinity.
inline constexpr std::int64_t kTimestampInfinity = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kTimestampMinusInfinity = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int32_t kDateInfinity = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int32_t kDateMinusInfinity = std::numeric_limits<std::int32_t>::min();

/// Room for any text made here: 5,874,897 years, six fraction digits, zone, " BC".
inline constexpr std::size_t kTemporalTextMax = 48;

/// Each reads a whole text; false when it is none. Up to 16 bytes behind it are read.
/// Days since 2000-01-01, in any notation.
bool read_date_slowly(std::string_view text, std::int32_t& days) noexcept;
/// Microseconds of the day; 24:00:00 is legal.
bool read_time(std::string_view text, std::int64_t& us) noexcept;
/// A time with a zone, in microseconds of the UTC day.
bool read_zoned_time(std::string_view text, std::int64_t& us) noexcept;
/// Microseconds since 2000-01-01, UTC; text without a zone counts as UTC. Any notation read_timestamp()
/// leaves.
bool read_timestamp_slowly(std::string_view text, std::int64_t& us) noexcept;

/// "YYYY-MM-" in eight bytes. @return top bits set where a byte is neither the digit nor the separator it
/// must be.
[[gnu::always_inline]] inline std::uint64_t read_year_month(const char* at, std::uint32_t& year,
                                                            std::uint32_t& month) noexcept {
  std::uint64_t date;
  std::memcpy(&date, at, 8);
  date ^= 0x2D30'302D'3030'3030;
  const std::uint64_t over = (date + 0x7F76'767F'7676'7676) | date;
  date = date * 10 + (date >> 8);
  year = static_cast<std::uint32_t>(date & 0xFF) * 100 + static_cast<std::uint32_t>(date >> 16 & 0xFF);
  month = static_cast<std::uint32_t>(date >> 40 & 0xFF);
  return over;
}

/// Days since 1970-01-01 from the usual notation, YYYY-MM-DD; false: it is none. Reads up to 10 bytes behind.
[[gnu::always_inline]] inline bool read_usual_date(std::string_view text, std::int64_t& unix_days) noexcept {
  std::uint32_t year;
  std::uint32_t month;
  const std::uint64_t over = read_year_month(text.data(), year, month) & 0x8080'8080'8080'8080;
  const auto tens = static_cast<unsigned char>(text.data()[8] - '0');
  const auto ones = static_cast<unsigned char>(text.data()[9] - '0');
  const std::uint32_t day = tens * 10U + ones;
  if (text.size() != 10 || over != 0 || tens > 3 || ones > 9 || year == 0 ||
      !is_date(static_cast<std::int32_t>(year), month, day)) {
    return false;
  }
  unix_days = days_from_civil({static_cast<std::int32_t>(year), month, day});
  return true;
}

/// Days since 2000-01-01. Reads up to 10 bytes behind.
[[gnu::always_inline]] inline bool read_date(std::string_view text, std::int32_t& days) noexcept {
  std::int64_t unix_days;
  if (!read_usual_date(text, unix_days)) return read_date_slowly(text, days);
  days = static_cast<std::int32_t>(unix_days - kPgEpochUnixDays);
  return true;
}

/// "YYYY-MM-DD HH:MM:SS" in the first 19 bytes, in sixteen of which digits and separators are checked at
/// once.
struct ClockText {
  std::uint32_t year, month, day, hour, minute, second;
};
[[gnu::always_inline]] inline bool read_clock(const char* at, ClockText& out) noexcept {
  // XOR with "00 00:00" leaves digits as numbers and separators as zero.
  std::uint64_t time;
  std::memcpy(&time, at + 8, 8);
  time ^= 0x3030'3A30'3020'3030;
  // 0x76 lets 10 reach the top bit, 0x7F lets 1 (separators must be zero).
  const std::uint64_t date_over = read_year_month(at, out.year, out.month);
  const std::uint64_t time_over = (time + 0x7676'7F76'767F'7676) | time;
  std::uint32_t seconds;
  std::memcpy(&seconds, at + 16, 4);
  seconds = (seconds & 0x00FF'FFFF) ^ 0x0030'303A;
  const std::uint32_t seconds_over = (seconds + 0x0076'767F) | seconds;
  const std::uint64_t over = (date_over | time_over | seconds_over) & 0x8080'8080'8080'8080;
  time = time * 10 + (time >> 8);  // in each byte the two digits that begin there
  out.day = static_cast<std::uint32_t>(time & 0xFF);
  out.hour = static_cast<std::uint32_t>(time >> 24 & 0xFF);
  out.minute = static_cast<std::uint32_t>(time >> 48 & 0xFF);
  out.second = (seconds >> 8 & 0xFF) * 10 + (seconds >> 16 & 0xFF);
  return over == 0 && out.year != 0 && is_date(static_cast<std::int32_t>(out.year), out.month, out.day) &&
         out.hour < 24 && out.minute < 60 && out.second < 60;
}

/// Fraction digits behind the point at text[19] as six digits; false unless there are 1 to 6. Reads 8 bytes.
[[gnu::always_inline]] inline bool read_fraction(const char* at, std::size_t digits,
                                                 std::uint32_t& us) noexcept {
  if (digits - 1 >= 6) return false;
  const std::uint64_t fraction = load_fraction(at, digits);
  us = digits_value(fraction) / 100;
  return all_digits(fraction);
}

/// Microseconds since 1970-01-01 from the usual notation of a timestamp with or without zone: four digits for
/// the year, and UTC; false: it is none.
[[gnu::always_inline]] inline bool read_usual_timestamp(std::string_view text,
                                                        std::int64_t& unix_us) noexcept {
  constexpr std::size_t kSeconds = 19;
  std::size_t size = text.size();
  if (size >= kSeconds + 3 && text[size - 3] == '+' && text[size - 2] == '0' && text[size - 1] == '0')
    size -= 3;
  ClockText clock;
  std::uint32_t fraction = 0;
  if (size < kSeconds || !read_clock(text.data(), clock) ||
      (size != kSeconds && (text[kSeconds] != '.' ||
                            !read_fraction(text.data() + kSeconds + 1, size - kSeconds - 1, fraction)))) {
    return false;
  }
  const std::int64_t days = days_from_civil({static_cast<std::int32_t>(clock.year), clock.month, clock.day});
  unix_us =
      days * kUsPerDay + (clock.hour * 3'600 + clock.minute * 60 + clock.second) * kUsPerSecond + fraction;
  return true;
}

/// Reads a timestamp with or without zone: microseconds since 2000-01-01.
[[gnu::always_inline]] inline bool read_timestamp(std::string_view text, std::int64_t& us) noexcept {
  std::int64_t unix_us;
  if (!read_usual_timestamp(text, unix_us)) return read_timestamp_slowly(text, us);
  us = unix_us - kPgEpochUnixUs;
  return true;
}

/// ISO text of a UTC instant as java.time writes it: 2019-03-31T15:30:00.000000Z with exactly
/// `fraction_digits` (0 to 6), years over 9999 with '+', before 1 with '-'. Infinities are words. @return
/// behind the last character.
char* put_zoned_timestamp(char* out, std::int64_t us, std::int32_t fraction_digits) noexcept;
/// ISO text of a time of day in UTC: 14:00:00.25Z, without trailing zeros.
char* put_zoned_time(char* out, std::int64_t us) noexcept;

/// Rewrites the usual text of an instant in UTC into the notation of put_zoned_timestamp() without taking it
/// apart; nullptr when it is not the usual text. Writes up to 32 bytes.
[[gnu::always_inline]] inline char* rewrite_zoned_timestamp(std::string_view text,
                                                            std::int32_t fraction_digits,
                                                            char* out) noexcept {
  constexpr std::size_t kSeconds = 19;
  const std::size_t size = text.size();
  ClockText clock;
  if (size < kSeconds + 3 || std::memcmp(text.data() + size - 3, "+00", 3) != 0 ||
      !read_clock(text.data(), clock)) {
    return nullptr;
  }
  std::uint64_t fraction = 0;
  if (size != kSeconds + 3) {
    const std::size_t digits = size - kSeconds - 4;
    if (text[kSeconds] != '.' || digits - 1 >= 6) return nullptr;
    fraction = load_fraction(text.data() + kSeconds + 1, digits);
    if (!all_digits(fraction)) return nullptr;
  }
  std::memcpy(out, text.data(), kSeconds);
  out[10] = 'T';
  if (fraction_digits > 0) {
    out[kSeconds] = '.';
    fraction |= 0x3030'3030'3030'3030;
    std::memcpy(out + kSeconds + 1, &fraction, sizeof fraction);
    out += 1 + fraction_digits;
  }
  out[kSeconds] = 'Z';
  return out + kSeconds + 1;
}

/// The server's own text, as ranges hold it: 2019-03-31, 2019-03-31 15:30:00.25, with zone +00, with " BC".
char* put_server_date(char* out, std::int32_t days) noexcept;
char* put_server_timestamp(char* out, std::int64_t us, bool zoned) noexcept;

}  // namespace millrace::postgres
