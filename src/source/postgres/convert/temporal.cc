// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/temporal.h"

#include <cstring>

namespace millrace::postgres {

namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;

/// Reads the parts of a date and time from front to back; never past the end.
class Parts {
 public:
  explicit Parts(std::string_view text) noexcept : at_(text.data()), end_(text.data() + text.size()) {}

  bool at_end() const noexcept { return at_ == end_; }
  bool accept(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  /// `least` to `most` digits, as many as there are.
  bool number(int least, int most, std::uint32_t& value) noexcept {
    value = 0;
    int digits = 0;
    for (; digits < most && at_ != end_ && static_cast<unsigned char>(*at_ - '0') <= 9; ++digits, ++at_) {
      value = value * 10 + static_cast<std::uint32_t>(*at_ - '0');
    }
    return digits >= least;
  }

 private:
  const char* at_;
  const char* end_;
};

bool read_time_of_day(Parts& parts, std::int64_t& us) noexcept {
  std::uint32_t hour;
  std::uint32_t minute;
  std::uint32_t second;
  if (!parts.number(2, 2, hour) || !parts.accept(':') || !parts.number(2, 2, minute) || !parts.accept(':') ||
      !parts.number(2, 2, second) || minute > 59 || second > 60) {
    return false;
  }
  std::int64_t fraction = 0;
  if (parts.accept('.')) {
    std::uint32_t digit;
    if (!parts.number(1, 1, digit)) return false;
    std::int64_t unit = kUsPerSecond;
    do {
      unit /= 10;
      fraction += digit * unit;
    } while (unit > 1 && parts.number(1, 1, digit));
  }
  us = (std::int64_t{hour} * 3'600 + minute * 60 + second) * kUsPerSecond + fraction;
  return us <= kUsPerDay;
}

/// +HH, +HH:MM or +HH:MM:SS, east of Greenwich; nothing counts as UTC.
bool read_zone(Parts& parts, std::int64_t& offset_seconds) noexcept {
  offset_seconds = 0;
  const bool west = parts.accept('-');
  if (!west && !parts.accept('+')) return true;
  std::uint32_t hours;
  std::uint32_t minutes = 0;
  std::uint32_t seconds = 0;
  if (!parts.number(2, 2, hours)) return false;
  if (parts.accept(':') && !parts.number(2, 2, minutes)) return false;
  if (parts.accept(':') && !parts.number(2, 2, seconds)) return false;
  if (minutes > 59 || seconds > 59) return false;
  offset_seconds = std::int64_t{hours} * 3'600 + minutes * 60 + seconds;
  if (west) offset_seconds = -offset_seconds;
  return true;
}

/// Year, month, day; "BC" comes later, behind time and zone.
bool read_year_month_day(Parts& parts, CivilDate& date) noexcept {
  std::uint32_t year;
  if (!parts.number(4, 7, year) || year == 0 || !parts.accept('-') || !parts.number(2, 2, date.month) ||
      !parts.accept('-') || !parts.number(2, 2, date.day)) {
    return false;
  }
  date.year = static_cast<std::int32_t>(year);
  return true;
}

bool finish_with_era(Parts& parts, CivilDate& date) noexcept {
  if (parts.accept(' ')) {
    if (!parts.accept('B') || !parts.accept('C')) return false;
    date.year = 1 - date.year;
  }
  return parts.at_end() && is_date(date.year, date.month, date.day);
}

char* put_2(char* out, std::uint32_t value) noexcept {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
  return out + 2;
}

/// At least four digits.
char* put_year(char* out, std::uint32_t year) noexcept {
  std::uint32_t unit = 1'000;
  while (year / unit >= 10) unit *= 10;
  for (; unit != 0; unit /= 10) *out++ = static_cast<char>('0' + year / unit % 10);
  return out;
}

char* put_month_day(char* out, const CivilDate& date) noexcept {
  *out++ = '-';
  out = put_2(out, date.month);
  *out++ = '-';
  return put_2(out, date.day);
}

char* put_clock(char* out, std::uint32_t seconds) noexcept {
  out = put_2(out, seconds / 3'600);
  *out++ = ':';
  out = put_2(out, seconds / 60 % 60);
  *out++ = ':';
  return put_2(out, seconds % 60);
}

/// A point and `digits` of the six digits of `us`; nothing for no digits.
char* put_fraction(char* out, std::uint32_t us, std::int32_t digits) noexcept {
  if (digits <= 0) return out;
  *out++ = '.';
  std::uint32_t unit = 100'000;
  for (std::int32_t i = 0; i < digits && unit != 0; ++i, unit /= 10) {
    *out++ = static_cast<char>('0' + us / unit % 10);
  }
  return out;
}

char* put_trimmed_fraction(char* out, std::uint32_t us) noexcept {
  if (us == 0) return out;
  std::int32_t digits = 6;
  for (; us % 10 == 0; us /= 10) --digits;
  std::uint32_t six = us;
  for (std::int32_t i = digits; i < 6; ++i) six *= 10;
  return put_fraction(out, six, digits);
}

char* put_word(char* out, std::string_view word) noexcept {
  std::memcpy(out, word.data(), word.size());
  return out + word.size();
}

/// An instant split for printing.
struct Split {
  CivilDate date;
  std::uint32_t second;    ///< of the day
  std::uint32_t fraction;  ///< us
};

Split split(std::int64_t us) noexcept {
  std::int64_t days = us / kUsPerDay;
  std::int64_t rest = us % kUsPerDay;
  if (rest < 0) {
    rest += kUsPerDay;
    --days;
  }
  return {civil_from_days(days + kPgEpochUnixDays), static_cast<std::uint32_t>(rest / kUsPerSecond),
          static_cast<std::uint32_t>(rest % kUsPerSecond)};
}

/// The server counts 1 BC, 2 BC and so on and says so at the end.
std::uint32_t server_year(std::int32_t year) noexcept {
  return static_cast<std::uint32_t>(year > 0 ? year : 1 - year);
}

}  // namespace

bool read_date_slowly(std::string_view text, std::int32_t& days) noexcept {
  if (text == "infinity" || text == "-infinity") {
    days = text[0] == '-' ? kDateMinusInfinity : kDateInfinity;
    return true;
  }
  Parts parts(text);
  CivilDate date;
  if (!read_year_month_day(parts, date) || !finish_with_era(parts, date)) return false;
  days = static_cast<std::int32_t>(days_from_civil(date) - kPgEpochUnixDays);
  return true;
}

bool read_time(std::string_view text, std::int64_t& us) noexcept {
  Parts parts(text);
  return read_time_of_day(parts, us) && parts.at_end();
}

bool read_zoned_time(std::string_view text, std::int64_t& us) noexcept {
  Parts parts(text);
  std::int64_t offset = 0;
  if (!read_time_of_day(parts, us) || !read_zone(parts, offset) || !parts.at_end()) return false;
  us = (us - offset * kUsPerSecond) % kUsPerDay;
  if (us < 0) us += kUsPerDay;
  return true;
}

bool read_timestamp_slowly(std::string_view text, std::int64_t& us) noexcept {
  if (text == "infinity" || text == "-infinity") {
    us = text[0] == '-' ? kTimestampMinusInfinity : kTimestampInfinity;
    return true;
  }
  Parts parts(text);
  CivilDate date;
  std::int64_t time = 0;
  std::int64_t offset = 0;
  if (!read_year_month_day(parts, date) || !parts.accept(' ') || !read_time_of_day(parts, time) ||
      !read_zone(parts, offset) || !finish_with_era(parts, date)) {
    return false;
  }
  const std::int64_t days = days_from_civil(date) - kPgEpochUnixDays;
  std::int64_t midnight;
  return !__builtin_mul_overflow(days, kUsPerDay, &midnight) &&
         !__builtin_add_overflow(midnight, time - offset * kUsPerSecond, &us) && us != kTimestampInfinity &&
         us != kTimestampMinusInfinity;
}

char* put_zoned_timestamp(char* out, std::int64_t us, std::int32_t fraction_digits) noexcept {
  if (us == kTimestampInfinity) return put_word(out, "infinity");
  if (us == kTimestampMinusInfinity) return put_word(out, "-infinity");
  const Split at = split(us);
  if (at.date.year > 9'999) *out++ = '+';
  if (at.date.year < 0) *out++ = '-';
  out = put_year(out, static_cast<std::uint32_t>(at.date.year < 0 ? -at.date.year : at.date.year));
  out = put_month_day(out, at.date);
  *out++ = 'T';
  out = put_fraction(put_clock(out, at.second), at.fraction, fraction_digits);
  *out++ = 'Z';
  return out;
}

char* put_zoned_time(char* out, std::int64_t us) noexcept {
  const std::int64_t seconds = us / kUsPerSecond % kSecondsPerDay;
  out = put_clock(out, static_cast<std::uint32_t>(seconds));
  out = put_trimmed_fraction(out, static_cast<std::uint32_t>(us % kUsPerSecond));
  *out++ = 'Z';
  return out;
}

char* put_server_date(char* out, std::int32_t days) noexcept {
  if (days == kDateInfinity) return put_word(out, "infinity");
  if (days == kDateMinusInfinity) return put_word(out, "-infinity");
  const CivilDate date = civil_from_days(days + kPgEpochUnixDays);
  out = put_month_day(put_year(out, server_year(date.year)), date);
  return date.year > 0 ? out : put_word(out, " BC");
}

char* put_server_timestamp(char* out, std::int64_t us, bool zoned) noexcept {
  if (us == kTimestampInfinity) return put_word(out, "infinity");
  if (us == kTimestampMinusInfinity) return put_word(out, "-infinity");
  const Split at = split(us);
  out = put_month_day(put_year(out, server_year(at.date.year)), at.date);
  *out++ = ' ';
  out = put_trimmed_fraction(put_clock(out, at.second), at.fraction);
  if (zoned) out = put_word(out, "+00");
  return at.date.year > 0 ? out : put_word(out, " BC");
}

}  // namespace millrace::postgres
