// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/numeric.h"

#include <algorithm>
#include <cstring>

#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace {

constexpr DecodeError kBad{Reason::kBadValue, 0};

/// A decimal's text taken apart.
struct DecimalText {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
};

DecodeError split(std::string_view text, DecimalText& out) noexcept {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return {Reason::kUnrepresentable, 0};
  std::size_t at = 0;
  out.negative = text.starts_with('-');
  at += out.negative;
  const std::size_t whole_begin = at;
  const auto skip_digits = [&] {
    while (at < text.size() && static_cast<unsigned char>(text[at] - '0') <= 9) ++at;
  };
  skip_digits();
  out.whole = text.substr(whole_begin, at - whole_begin);
  if (at < text.size() && text[at] == '.') {
    const std::size_t begin = ++at;
    skip_digits();
    out.fraction = text.substr(begin, at - begin);
  }
  if (at != text.size() || (out.whole.empty() && out.fraction.empty())) {
    return {Reason::kBadValue, static_cast<std::uint32_t>(at)};
  }
  return {};
}

bool all_zeros(std::string_view digits) noexcept {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

std::string_view without_trailing_zeros(std::string_view digits) noexcept {
  return digits.substr(0, digits.find_last_not_of('0') + 1);  // npos + 1 is 0
}

/// Digits appended, nineteen at a time, to an integer of any size.
class LongInteger {
 public:
  void append(std::string_view digits) noexcept {
    for (const char c : digits) append_digit(static_cast<std::uint64_t>(c - '0'));
  }
  void append_zeros(std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) append_digit(0);
  }
  std::span<const std::uint64_t> finish() noexcept {
    flush();
    return limbs_;
  }

 private:
  static constexpr std::size_t kChunkDigits = 19;  // what a limb holds

  void append_digit(std::uint64_t digit) noexcept {
    chunk_ = chunk_ * 10 + digit;
    if (++chunk_digits_ == kChunkDigits) flush();
  }
  void flush() noexcept {
    if (chunk_digits_ == 0) return;
    unsigned __int128 carry = chunk_;
    for (std::uint64_t& limb : limbs_) {
      carry += static_cast<unsigned __int128>(limb) * kPowersOf10[chunk_digits_];
      limb = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
    if (carry != 0) limbs_.push_back(static_cast<std::uint64_t>(carry));
    chunk_ = 0;
    chunk_digits_ = 0;
  }

  absl::InlinedVector<std::uint64_t, 64> limbs_;
  std::uint64_t chunk_ = 0;
  std::size_t chunk_digits_ = 0;
};

/// whole and fraction as one integer, `zeros` appended.
void assign_digits(const DecimalText& number, std::size_t zeros, UnscaledBytes& out) noexcept {
  if (number.whole.size() + number.fraction.size() + zeros <= 38) {
    unsigned __int128 magnitude = 0;
    const auto append = [&](std::string_view digits) {
      for (const char c : digits) magnitude = magnitude * 10 + static_cast<unsigned>(c - '0');
    };
    append(number.whole);
    append(number.fraction);
    for (std::size_t i = 0; i < zeros; ++i) magnitude *= 10;
    return out.assign(number.negative, magnitude);
  }
  LongInteger integer;
  integer.append(number.whole);
  integer.append(number.fraction);
  integer.append_zeros(zeros);
  out.assign(number.negative, integer.finish());
}

/// The head of a binary numeric; digits in base 10,000 follow it.
struct NumericHead {
  std::uint16_t count;
  std::int16_t weight;  ///< Power of 10,000 of the first digit.
  std::uint16_t sign;
  std::uint16_t display_scale;
};
constexpr std::size_t kHeadBytes = 8;
constexpr std::uint16_t kNegative = 0x4000;

DecodeError read_head(std::span<const std::byte> wire, NumericHead& head) noexcept {
  if (wire.size() < kHeadBytes) return kBad;
  head = {load_be<std::uint16_t>(wire.data()), load_be<std::int16_t>(wire.data() + 2),
          load_be<std::uint16_t>(wire.data() + 4), load_be<std::uint16_t>(wire.data() + 6)};
  switch (head.sign) {
    case 0:
    case kNegative:
      break;
    case 0xC000:
    case 0xD000:
    case 0xF000:
      return {Reason::kUnrepresentable, 4};  // NaN, Infinity, -Infinity
    default:
      return {Reason::kBadValue, 4};
  }
  if (wire.size() != kHeadBytes + 2 * std::size_t{head.count}) return kBad;
  if (head.display_scale > 0x3FFF) return {Reason::kBadValue, 6};
  for (std::size_t i = 0; i < head.count; ++i) {
    const std::size_t at = kHeadBytes + 2 * i;
    if (load_be<std::uint16_t>(wire.data() + at) > 9'999)
      return {Reason::kBadValue, static_cast<std::uint32_t>(at)};
  }
  return {};
}

}  // namespace

void UnscaledBytes::assign(bool negative, unsigned __int128 magnitude) noexcept {
  const std::uint64_t limbs[] = {static_cast<std::uint64_t>(magnitude),
                                 static_cast<std::uint64_t>(magnitude >> 64)};
  assign(negative, limbs);
}

void UnscaledBytes::assign(bool negative, std::span<const std::uint64_t> limbs) noexcept {
  // -x is ~x + 1: byte by byte from the lowest, with one byte more for the sign.
  const std::size_t size = limbs.size() * 8 + 1;
  bytes_.resize(size);
  std::uint32_t carry = negative ? 1 : 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t limb = i / 8 < limbs.size() ? limbs[i / 8] : 0;
    auto byte = static_cast<std::uint32_t>(limb >> (i % 8 * 8) & 0xFF);
    if (negative) byte = (~byte & 0xFF) + carry;
    carry = byte >> 8;
    bytes_[size - 1 - i] = static_cast<std::byte>(byte);
  }
  // Leading bytes that only repeat the sign are not needed.
  const auto sign_of = [&](std::size_t i) { return std::to_integer<int>(bytes_[i]) >> 7; };
  std::size_t skip = 0;
  while (skip + 1 < size && (bytes_[skip] == std::byte{0x00} || bytes_[skip] == std::byte{0xFF}) &&
         sign_of(skip) == sign_of(skip + 1)) {
    ++skip;
  }
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(skip));
}

bool read_short_decimal(std::string_view text, ShortDecimal& out) noexcept {
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos) {
    if (point + 1 == text.size()) return false;
    text = without_trailing_zeros(text);
    if (point + 1 == text.size()) text.remove_suffix(1);
  }
  if (text.size() > 20) return false;
  out.scale = point < text.size() ? static_cast<std::int32_t>(text.size() - point - 1) : 0;
  return read_short_decimal(text, out.scale, out.unscaled);
}

DecodeError read_decimal(std::string_view text, std::int32_t scale, UnscaledBytes& out) noexcept {
  DecimalText number;
  if (const DecodeError error = split(text, number)) return error;
  if (scale < 0) {
    // numeric(5,-2): the server has rounded the last two digits of the whole part to zero.
    const auto dropped = std::min(static_cast<std::size_t>(-std::int64_t{scale}), number.whole.size());
    if (!all_zeros(number.whole.substr(number.whole.size() - dropped))) return kBad;
    number.whole.remove_suffix(dropped);
  }
  const auto digits = static_cast<std::size_t>(std::max(scale, 0));
  if (number.fraction.size() > digits) {
    if (!all_zeros(number.fraction.substr(digits))) return kBad;
    number.fraction = number.fraction.substr(0, digits);
  }
  assign_digits(number, digits - number.fraction.size(), out);
  return {};
}

DecodeError read_variable_decimal(std::string_view text, std::int32_t& scale, UnscaledBytes& out) noexcept {
  DecimalText number;
  if (const DecodeError error = split(text, number)) return error;
  number.fraction = without_trailing_zeros(number.fraction);
  scale = static_cast<std::int32_t>(number.fraction.size());
  assign_digits(number, 0, out);
  return {};
}

DecodeError render_numeric(std::span<const std::byte> wire, NumericText& out) noexcept {
  NumericHead head;
  if (const DecodeError error = read_head(wire, head)) return error;
  const auto put_group = [&](std::int32_t power, std::size_t digits) {
    const std::int32_t i = head.weight - power;
    const bool stored = i >= 0 && i < head.count;
    std::uint32_t group = stored ? load_be<std::uint16_t>(wire.data() + kHeadBytes + 2 * i) : 0;
    char text[4];
    for (std::size_t k = 4; k-- > 0; group /= 10) text[k] = static_cast<char>('0' + group % 10);
    out.insert(out.end(), text, text + digits);
  };
  out.clear();
  for (std::int32_t power = head.weight; power >= 0; --power) put_group(power, 4);
  const auto first = std::find_if(out.begin(), out.end(), [](char c) { return c != '0'; });
  out.erase(out.begin(), first);
  if (out.empty()) out.push_back('0');
  if (head.display_scale > 0) {
    out.push_back('.');
    std::size_t left = head.display_scale;
    for (std::int32_t power = -1; left > 0; --power) {
      const std::size_t digits = std::min<std::size_t>(left, 4);
      put_group(power, digits);
      left -= digits;
    }
  }
  if (head.sign == kNegative) out.insert(out.begin(), '-');
  return {};
}

bool read_short_numeric(std::span<const std::byte> wire, std::int32_t scale,
                        std::int64_t& unscaled) noexcept {
  NumericHead head;
  if (wire.size() > kHeadBytes + 8 || scale < 0 || scale > 18 || read_head(wire, head)) return false;
  std::uint64_t magnitude = 0;
  for (std::size_t i = 0; i < head.count; ++i) {
    magnitude = magnitude * 10'000 + load_be<std::uint16_t>(wire.data() + kHeadBytes + 2 * i);
  }
  if (magnitude != 0) {
    // The last digit counts 10,000^(weight - count + 1); the result counts 10^-scale.
    const std::int32_t power = 4 * (head.weight - head.count + 1) + scale;
    if (power > 18 || power < -18) return false;
    if (power >= 0) {
      if (__builtin_mul_overflow(magnitude, kPowersOf10[power], &magnitude) || magnitude >> 63 != 0)
        return false;
    } else {
      if (magnitude % kPowersOf10[-power] != 0) return false;
      magnitude /= kPowersOf10[-power];
    }
  }
  unscaled = static_cast<std::int64_t>(head.sign == kNegative ? 0 - magnitude : magnitude);
  return true;
}

namespace {

/// Rounds half up, away from zero, or appends zeros.
bool rescale(std::int64_t& value, std::int32_t from, std::int32_t to) noexcept {
  for (; from < to; ++from) {
    if (__builtin_mul_overflow(value, std::int64_t{10}, &value)) return false;
  }
  if (from - to > 19) value = 0;
  if (from > to && from - to <= 19) {
    const auto unit = static_cast<__int128>(kPowersOf10[from - to]);
    const __int128 half = value < 0 ? -unit / 2 : unit / 2;
    value = static_cast<std::int64_t>((value + half) / unit);
  }
  return true;
}

}  // namespace

DecodeError read_money_text(std::string_view text, std::int32_t scale, std::int64_t& unscaled) noexcept {
  bool negative = false;
  bool fraction = false;
  std::int32_t digits = 0;
  std::int32_t fraction_digits = 0;
  std::int64_t value = 0;  // counts below zero, where there is room for one more
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto digit = static_cast<unsigned char>(c - '0');
    const DecodeError bad{Reason::kBadValue, static_cast<std::uint32_t>(i)};
    if (digit <= 9) {
      if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
          __builtin_sub_overflow(value, std::int64_t{digit}, &value)) {
        return bad;
      }
      ++digits;
      fraction_digits += fraction;
    } else if ((c == '-' || c == '(') && digits == 0) {
      negative = true;
    } else if (c == '.' && digits > 0 && !fraction) {
      fraction = true;
    } else if (c == ',' && digits > 0 && !fraction) {
      continue;
    } else if (c == '$' && digits == 0) {
      continue;
    } else if (c == ')' && i + 1 == text.size()) {
      continue;
    } else {
      return bad;
    }
  }
  if (digits == 0) return kBad;
  if (!negative && __builtin_sub_overflow(std::int64_t{0}, value, &value)) return kBad;
  unscaled = value;
  return rescale(unscaled, fraction_digits, scale) ? DecodeError{} : DecodeError{Reason::kUnrepresentable, 0};
}

DecodeError read_money(std::span<const std::byte> wire, std::int32_t scale, std::int64_t& unscaled) noexcept {
  if (wire.size() != 8) return kBad;
  unscaled = load_be<std::int64_t>(wire.data());
  return rescale(unscaled, 2, scale) ? DecodeError{} : DecodeError{Reason::kUnrepresentable, 0};
}

}  // namespace millrace::postgres
