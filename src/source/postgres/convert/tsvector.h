// SPDX-License-Identifier: Apache-2.0
// The binary form of tsvector to the server's text: 'lexeme':1A,2 'other'.
// Source: the server's tsvectorsend and tsvectorout.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "format/json/number_text.h"
#include "millrace/base/cursor.h"
#include "source/postgres/convert/string_feed.h"

namespace millrace::postgres {

template <class Writer>
DecodeError write_tsvector(std::span<const std::byte> wire, Writer& writer) noexcept {
  Cursor in(wire);
  writer.begin_string();
  StringFeed<Writer> feed(writer);
  const std::uint32_t count = in.be32();
  for (std::uint32_t i = 0; in.ok() && i < count; ++i) {  // ends with the bytes, whatever the count claims
    if (i != 0) feed.put(' ');
    feed.put('\'');
    for (const char c : in.cstring()) {
      if (c == '\'' || c == '\\') feed.put(c);
      feed.put(c);
    }
    feed.put('\'');
    const std::uint16_t positions = in.be16();
    for (std::uint16_t k = 0; in.ok() && k < positions; ++k) {
      const std::uint16_t entry = in.be16();
      feed.put(k == 0 ? ':' : ',');
      char digits[24];
      const char* const end = format::put_unsigned(digits, entry & 0x3FFFU);
      feed.put({digits, static_cast<std::size_t>(end - digits)});
      const unsigned weight = entry >> 14;  // D, the lowest, is not printed
      if (weight != 0) feed.put("DCBA"[weight]);
    }
  }
  if (const DecodeError error = in.finish()) return {Reason::kBadValue, error.byte_offset};
  if (!feed.finish()) return {Reason::kBadUtf8, 0};
  writer.end_string();
  return {};
}

}  // namespace millrace::postgres
