// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/interval.h"

#include <charconv>
#include <limits>
#include <system_error>

#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace {

struct Interval {
  std::int64_t months = 0;
  std::int64_t days = 0;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;
  std::int64_t micros = 0;
};

std::int64_t to_micros(const Interval& interval) noexcept {
  constexpr double kDaysPerMonth = 365.25 / 12.0;
  const double seconds =
      static_cast<double>(interval.seconds) + static_cast<double>(interval.micros) / 1'000'000;
  const double days =
      static_cast<double>(interval.months) * kDaysPerMonth + static_cast<double>(interval.days);
  const double hours = days * 24 + static_cast<double>(interval.hours);
  const double total = ((hours * 60 + static_cast<double>(interval.minutes)) * 60 + seconds) * 1e6;
  // Java's cast to long: toward zero, stopping at the ends.
  constexpr double kEnd = 9'223'372'036'854'775'808.0;
  if (total >= kEnd) return std::numeric_limits<std::int64_t>::max();
  if (total < -kEnd) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(total);
}

bool read_number(std::string_view& text, std::int64_t& value) noexcept {
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || value > 3'000'000'000 || value < -3'000'000'000) return false;
  text = {result.ptr, static_cast<std::size_t>(end - result.ptr)};
  return true;
}

/// MM:SS[.ffffff] behind the hours' colon, to the end of the text.
bool read_minutes_and_seconds(std::string_view text, bool negative, Interval& out) noexcept {
  const auto two = [&](std::int64_t& value) {
    if (text.size() < 2 || static_cast<unsigned char>(text[0] - '0') > 5) return false;
    const auto second = static_cast<unsigned char>(text[1] - '0');
    value = (text[0] - '0') * 10 + second;
    text.remove_prefix(2);
    return second <= 9;
  };
  if (!two(out.minutes) || !text.starts_with(':')) return false;
  text.remove_prefix(1);
  if (!two(out.seconds)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || text.size() > 6) return false;
    std::int64_t unit = 100'000;
    for (const char c : text) {
      const auto digit = static_cast<unsigned char>(c - '0');
      if (digit > 9) return false;
      out.micros += digit * unit;
      unit /= 10;
    }
    text = {};
  }
  if (negative) {
    out.minutes = -out.minutes;
    out.seconds = -out.seconds;
    out.micros = -out.micros;
  }
  return text.empty();
}

}  // namespace

DecodeError read_interval_text(std::string_view text, std::int64_t& us) noexcept {
  if (text == "infinity" || text == "-infinity") return {Reason::kUnrepresentable, 0};
  const std::size_t size = text.size();
  const auto bad = [&] {
    return DecodeError{Reason::kBadValue, static_cast<std::uint32_t>(size - text.size())};
  };
  Interval interval;
  if (text.empty()) return bad();
  while (!text.empty()) {
    const bool negative = text[0] == '-';
    if (text[0] == '+') text.remove_prefix(1);
    std::int64_t value = 0;
    if (!read_number(text, value)) return bad();
    if (text.starts_with(':')) {
      interval.hours = value;
      if (!read_minutes_and_seconds(text.substr(1), negative, interval)) return bad();
      break;
    }
    if (text.starts_with(" year")) {
      interval.months += value * 12;
      text.remove_prefix(5);
    } else if (text.starts_with(" mon")) {
      interval.months += value;
      text.remove_prefix(4);
    } else if (text.starts_with(" day")) {
      interval.days = value;
      text.remove_prefix(4);
    } else {
      return bad();
    }
    if (text.starts_with('s')) text.remove_prefix(1);
    if (text.empty()) break;
    if (text[0] != ' ' || text.size() == 1) return bad();
    text.remove_prefix(1);
  }
  us = to_micros(interval);
  return {};
}

DecodeError read_interval(std::span<const std::byte> wire, std::int64_t& us) noexcept {
  if (wire.size() != 16) return {Reason::kBadValue, 0};
  const auto time = load_be<std::int64_t>(wire.data());
  const auto days = load_be<std::int32_t>(wire.data() + 8);
  const auto months = load_be<std::int32_t>(wire.data() + 12);
  using Time = std::numeric_limits<std::int64_t>;
  using Part = std::numeric_limits<std::int32_t>;
  if ((time == Time::max() && days == Part::max() && months == Part::max()) ||
      (time == Time::min() && days == Part::min() && months == Part::min())) {
    return {Reason::kUnrepresentable, 0};
  }
  const std::int64_t seconds = time / 1'000'000;
  us = to_micros({months, days, seconds / 3'600, seconds / 60 % 60, seconds % 60, time % 1'000'000});
  return {};
}

}  // namespace millrace::postgres
