// SPDX-License-Identifier: Apache-2.0
// The binary form of the built-in ranges to the server's text: [1,5), ["2024-01-01 00:00:00",), empty.
// Source: the server's range_send, range_out and range_deparse.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "format/json/number_text.h"
#include "millrace/base/cursor.h"
#include "source/postgres/convert/numeric.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/convert/string_feed.h"
#include "source/postgres/convert/temporal.h"
#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

/// A bound's text: the server's output function of the range's element type.
DecodeError render_bound(Op range, std::span<const std::byte> wire, NumericText& out) noexcept;

template <class Writer>
DecodeError write_range(Op range, std::span<const std::byte> wire, Writer& writer) noexcept {
  constexpr std::uint8_t kEmpty = 0x01;
  constexpr std::uint8_t kLowerInclusive = 0x02;
  constexpr std::uint8_t kUpperInclusive = 0x04;
  constexpr std::uint8_t kLowerInfinite = 0x08;
  constexpr std::uint8_t kUpperInfinite = 0x10;
  Cursor in(wire);
  const std::uint8_t flags = in.u8();
  if ((flags & kEmpty) != 0) {
    if (in.finish()) return {Reason::kBadValue, 0};
    writer.begin_string();
    StringFeed<Writer> feed(writer);
    feed.put("empty");
    (void)feed.finish();
    writer.end_string();
    return {};
  }
  writer.begin_string();
  StringFeed<Writer> feed(writer);
  NumericText text;
  const auto put_bound = [&]() -> DecodeError {
    const std::size_t at = in.byte_offset();
    const std::span<const std::byte> bound = in.bytes(in.be32());
    if (!in.ok()) return {Reason::kBadValue, in.error().byte_offset};
    if (const DecodeError error = render_bound(range, bound, text)) {
      return {error.reason, error.byte_offset + static_cast<std::uint32_t>(at) + 4};
    }
    // Of these types' texts only a blank (in a timestamp, before BC) calls for quotes, and none holds a
    // quote.
    const bool quotes = std::string_view(text.data(), text.size()).find(' ') != std::string_view::npos;
    if (quotes) feed.put('"');
    feed.put({text.data(), text.size()});
    if (quotes) feed.put('"');
    return {};
  };
  feed.put((flags & kLowerInclusive) != 0 ? '[' : '(');
  if ((flags & kLowerInfinite) == 0) {
    if (const DecodeError error = put_bound()) return error;
  }
  feed.put(',');
  if ((flags & kUpperInfinite) == 0) {
    if (const DecodeError error = put_bound()) return error;
  }
  feed.put((flags & kUpperInclusive) != 0 ? ']' : ')');
  if (const DecodeError error = in.finish()) return {Reason::kBadValue, error.byte_offset};
  (void)feed.finish();  // ASCII
  writer.end_string();
  return {};
}

}  // namespace millrace::postgres
