// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/range.h"

namespace millrace::postgres {

DecodeError render_bound(Op range, std::span<const std::byte> wire, NumericText& out) noexcept {
  constexpr DecodeError kBad{Reason::kBadValue, 0};
  if (range == Op::kNumRange) {
    const DecodeError error = render_numeric(wire, out);
    if (error.reason != Reason::kUnrepresentable) return error;
    // Within a range the special values are only text. The sign word says which.
    const auto sign = load_be<std::uint16_t>(wire.data() + 4);
    const std::string_view word = sign == 0xC000 ? "NaN" : sign == 0xD000 ? "Infinity" : "-Infinity";
    out.assign(word.begin(), word.end());
    return {};
  }
  const bool wide = range == Op::kInt8Range || range == Op::kTsRange || range == Op::kTstzRange;
  if (wire.size() != (wide ? 8 : 4)) return kBad;
  const std::int64_t value = wide ? load_be<std::int64_t>(wire.data()) : load_be<std::int32_t>(wire.data());
  char text[kTemporalTextMax];
  const char* end = nullptr;
  switch (range) {
    case Op::kInt4Range:
    case Op::kInt8Range:
      end = format::put_integer(text, value);
      break;
    case Op::kDateRange:
      end = put_server_date(text, static_cast<std::int32_t>(value));
      break;
    case Op::kTsRange:
      end = put_server_timestamp(text, value, false);
      break;
    case Op::kTstzRange:
      end = put_server_timestamp(text, value, true);
      break;
    default:
      return {Reason::kUnknownConversion, 0};
  }
  out.assign(static_cast<const char*>(text), end);
  return {};
}

}  // namespace millrace::postgres
