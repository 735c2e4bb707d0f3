// SPDX-License-Identifier: Apache-2.0
// One value through write_value() and write_usual() in every way a row could send it, all of which must
// agree.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/change/field.h"
#include "millrace/change/relation.h"

namespace millrace::test {

struct Converted {
  DecodeError error;
  std::string json;  ///< Empty on an error.
};

/// Converts the value with every instruction set this machine has, over different padding, into blocks of
/// exactly the reserved size. Throws std::logic_error when the results differ, when the output is larger than
/// reserved, or when an error moved the writer.
Converted convert(const Conversion& conversion, FieldKind kind, std::span<const std::byte> bytes);

Converted convert_text(const Conversion& conversion, std::string_view text);
/// @param hex  lower-case, grouped by blanks.
Converted convert_binary(const Conversion& conversion, std::string_view hex);

/// write_value() with the AVX2 writer, writing at `out` and moving it.
DecodeError write_value_avx2(const Conversion& conversion, FieldView field, char*& out) noexcept;
/// write_usual() first, as a row loop does.
DecodeError write_usual_avx2(const Conversion& conversion, FieldView field, char*& out) noexcept;

}  // namespace millrace::test
