// SPDX-License-Identifier: Apache-2.0
// One PostgreSQL wire value to one output value, in one step. The definition is in convert.h.
#pragma once
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/change/field.h"
#include "millrace/change/relation.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/convert/reserve.h"

namespace millrace::postgres {

/// Writes `field` to `writer` as `conversion` says.
/// @param field   kNull, kText or kBinary; behind data[size] lie kPadding readable bytes
/// (src/runtime/slab.h). What they
///                hold does not matter. kUnchanged and kAbsent are the caller's to replace: kBadValue.
/// @param writer  such as format::JsonWriter; room for worst_case_bytes() plus the writer's slack was
/// reserved.
/// @return kBadValue, kBadUtf8: not a value of the type; kUnrepresentable: a legal value that the output type
/// has no
///         form for (the contract's event.converting.failure.handling.mode decides); kUnknownConversion: op
///         is none of Op, or has no such wire form. byte_offset counts from the start of the value. On an
///         error the writer stands where it stood.
/// Allocates nothing, but for numerics of more than 1,000 digits and hstore values of more than 64 pairs.
/// Source: debezium-contract 2.10 to 2.13; PostgreSQL's type input and output functions.
template <class Writer>
DecodeError write_value(const Conversion& conversion, FieldView field, Writer& writer) noexcept;

/// The same for values of the common types in the form they nearly always have. Small, to be inlined into a
/// loop over columns. False, and nothing written, for anything else: ask write_value(). `field` may be of any
/// kind. The definition is in usual.h.
template <class Writer>
bool write_usual(const Conversion& conversion, FieldView field, Writer& writer) noexcept;

/// Text as a field. The bytes behind it must be readable, as above.
inline FieldView text_field(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), static_cast<std::uint32_t>(text.size()),
          FieldKind::kText};
}

}  // namespace millrace::postgres
