// SPDX-License-Identifier: Apache-2.0
// One-dimensional arrays, element by element through write_value().
//
//   text     [2:3]={7,NULL,"a \"b\"",x}      bounds are rare; quotes and backslashes where the element needs
//   them binary   i32 dimensions, i32 has nulls, u32 element oid, i32 count, i32 lower bound, then per
//   element i32 length
//            (-1: NULL) and bytes; 0 dimensions: empty
// Source: the server's array_out and array_send.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/change/field.h"
#include "source/postgres/convert/hstore.h"
#include "source/postgres/convert/string_feed.h"
#include "source/postgres/convert/value.h"
#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace internal {

constexpr DecodeError at_offset(DecodeError error, std::size_t offset) noexcept {
  return {error.reason, error.byte_offset + static_cast<std::uint32_t>(offset)};
}

/// An element in quotes that holds backslashes.
template <class Writer>
DecodeError write_escaped_element(const Conversion& element, std::string_view raw, Writer& writer) noexcept {
  const Op op = op_of(element);
  if (op == Op::kHstoreJson) return write_hstore(raw, HstoreForm::kTextInArray, writer);
  if (op == Op::kBytes) {
    if (!raw.starts_with("\\\\x") || !writer.bytes_of_hex(raw.substr(3))) return {Reason::kBadValue, 0};
    return {};
  }
  if (!writes_text(op)) return {Reason::kBadValue, 0};
  writer.begin_string();
  StringFeed<Writer> feed(writer);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\' && ++i == raw.size()) return {Reason::kBadValue, static_cast<std::uint32_t>(i)};
    feed.put(raw[i]);
  }
  if (!feed.finish()) return {Reason::kBadUtf8, 0};
  writer.end_string();
  return {};
}

/// Where the array's '{' stands, behind bounds if there are any; or an error.
inline DecodeError skip_bounds(std::string_view text, std::size_t& at) noexcept {
  at = 0;
  if (!text.starts_with('[')) return {};
  std::size_t dimensions = 0;
  for (; at < text.size() && text[at] != '='; ++at) {
    const char c = text[at];
    const bool known = c == '[' || c == ']' || c == ':' || c == '-' || c == '+' || (c >= '0' && c <= '9');
    if (!known) return {Reason::kBadValue, static_cast<std::uint32_t>(at)};
    dimensions += c == '[';
  }
  if (at == text.size()) return {Reason::kBadValue, static_cast<std::uint32_t>(at)};
  ++at;
  return dimensions > 1 ? DecodeError{Reason::kUnrepresentable, 0} : DecodeError{};
}

template <class Writer>
DecodeError write_text_array(const Conversion& element, std::string_view text, Writer& writer) noexcept {
  std::size_t at;
  if (const DecodeError error = skip_bounds(text, at)) return error;
  const auto bad = [&] {  // an escape at the very end leads one character too far
    return DecodeError{Reason::kBadValue, static_cast<std::uint32_t>(std::min(at, text.size()))};
  };
  if (at >= text.size() || text[at] != '{') return bad();
  ++at;
  writer.begin_array();
  if (text.size() == at + 1 && text[at] == '}') {
    writer.end_array();
    return {};
  }
  while (at < text.size()) {
    if (text[at] == '{') return {Reason::kUnrepresentable, static_cast<std::uint32_t>(at)};
    writer.item();
    DecodeError error;
    if (text[at] == '"') {
      const std::size_t begin = ++at;
      bool escapes = false;
      for (; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] != '\\') continue;
        escapes = true;
        ++at;
      }
      if (at >= text.size()) return bad();
      const std::string_view raw = text.substr(begin, at - begin);
      error = escapes ? write_escaped_element(element, raw, writer)
                      : write_value(element, text_field(raw), writer);
      if (error) return at_offset(error, begin);
      ++at;
    } else {
      const std::size_t begin = at;
      for (; at < text.size() && text[at] != ',' && text[at] != '}'; ++at) {
        if (text[at] == '"' || text[at] == '\\' || text[at] == '{') return bad();
      }
      const std::string_view raw = text.substr(begin, at - begin);
      if (raw.empty()) return bad();
      if (raw == "NULL") {
        writer.null();
      } else {
        error = write_value(element, text_field(raw), writer);
      }
      if (error) return at_offset(error, begin);
    }
    if (at >= text.size()) return bad();
    if (text[at] == '}') {
      if (at + 1 != text.size()) return bad();
      writer.end_array();
      return {};
    }
    if (text[at] != ',') return bad();
    ++at;
  }
  return bad();
}

template <class Writer>
DecodeError write_binary_array(const Conversion& element, FieldView field, Writer& writer) noexcept {
  Cursor in(field.bytes());
  const std::uint32_t dimensions = in.be32();
  (void)in.be32();  // whether there are NULLs: the elements say so
  (void)in.be32();  // the element's oid: the relation says so
  if (in.ok() && dimensions > 1) return {Reason::kUnrepresentable, 0};
  writer.begin_array();
  if (dimensions == 1) {
    const std::uint32_t count = in.be32();
    (void)in.be32();                                        // the lower bound
    for (std::uint32_t i = 0; in.ok() && i < count; ++i) {  // ends with the bytes, whatever the count claims
      writer.item();
      const std::uint32_t length = in.be32();
      if (length == 0xFFFF'FFFF) {
        writer.null();
        continue;
      }
      const std::size_t at = in.byte_offset();
      const std::span<const std::byte> bytes = in.bytes(length);
      if (!in.ok()) break;
      if (const DecodeError error =
              write_value(element, {bytes.data(), length, FieldKind::kBinary}, writer)) {
        return at_offset(error, at);
      }
    }
  }
  if (const DecodeError error = in.finish()) return {Reason::kBadValue, error.byte_offset};
  writer.end_array();
  return {};
}

}  // namespace internal

template <class Writer>
DecodeError write_array(const Conversion& conversion, FieldView field, Writer& writer) noexcept {
  if (conversion.element == nullptr || op_of(*conversion.element) == Op::kArray) {
    return {Reason::kUnknownConversion, 0};
  }
  return field.kind == FieldKind::kBinary
             ? internal::write_binary_array(*conversion.element, field, writer)
             : internal::write_text_array(*conversion.element, field.text(), writer);
}

}  // namespace millrace::postgres
