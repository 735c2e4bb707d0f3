// SPDX-License-Identifier: Apache-2.0
// Everything a format needs to know of PostgreSQL's rows, as one type: formats are templates over it and know
// no source.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/change/change.h"
#include "millrace/change/field.h"
#include "millrace/change/relation.h"
#include "source/postgres/convert/reserve.h"
#include "source/postgres/convert/value.h"

namespace millrace::postgres {

/// The images of a row change. Null where the change has none. Values borrow the change's body.
struct RowImages {
  const FieldView* old_values = nullptr;
  const FieldView* new_values = nullptr;
  bool old_is_key = false;  ///< Old values that read as NULL may just not be logged.
};

/// A logical message. Borrows the change's body.
struct MessageImage {
  std::string_view prefix;
  std::span<const std::byte> content;
  bool transactional = false;
};

/// Who instantiates write_value() includes source/postgres/convert/convert.h.
struct Rows {
  using Images = RowImages;
  using Message = MessageImage;

  static constexpr std::size_t kColumnsMax = 1600;
  /// Wire bytes grow at most by this, see convert/reserve.h.
  static constexpr std::size_t kGrowth = postgres::kGrowth;
  /// Changes larger than this are measured, so that large values do not ask for a multiple of themselves.
  static constexpr std::size_t kExactFrom = postgres::kExactFrom;

  /// Walks the tuples of a row change. Byte offsets in errors count from the message's type byte.
  /// @param columns  of the change's relation; both storages hold at least as many.
  static DecodeError decode(const Change& change, std::size_t columns, std::span<FieldView> old_storage,
                            std::span<FieldView> new_storage, RowImages& out) noexcept;
  static DecodeError decode_message(const Change& change, MessageImage& out) noexcept;

  /// A value in the form it nearly always has; false, and nothing written: ask write_value().
  template <class Writer>
  [[gnu::always_inline]] static bool write_usual(const Conversion& conversion, FieldView field,
                                                 Writer& writer) noexcept {
    return postgres::write_usual(conversion, field, writer);
  }
  template <class Writer>
  static DecodeError write_value(const Conversion& conversion, FieldView field, Writer& writer) noexcept {
    return postgres::write_value(conversion, field, writer);
  }
  static std::size_t worst_case_bytes(FieldView field, const Conversion& conversion) noexcept {
    return postgres::worst_case_bytes(field, conversion);
  }

  /// A change's position as an operator knows it.
  static std::string position_text(std::uint64_t position);
};

}  // namespace millrace::postgres
