// SPDX-License-Identifier: Apache-2.0
// How much JSON a value can need at most, so that a row reserves once and writes without checks.
#pragma once
#include <cstddef>

#include "millrace/change/field.h"
#include "millrace/change/relation.h"

namespace millrace::postgres {

/// A value of n wire bytes writes at most kGrowth * n + fixed_bytes() bytes, if growth_is_bounded().
inline constexpr std::size_t kGrowth = 6;  // \u00XX

/// The constant part of that bound. Decided by the conversion alone: add it up when the plan is made.
std::size_t fixed_bytes(const Conversion& conversion) noexcept;

/// Whether that bound holds for values in this wire form. It does not where few wire bytes can mean much:
/// binary numerics (1e131071 takes ten bytes), arrays of structs, JSON within JSON. Ask worst_case_bytes()
/// value by value then.
bool growth_is_bounded(const Conversion& conversion, FieldKind wire) noexcept;

/// Bound for one value; the slack of the last vector store (format::kWriteSlack) comes on top. Values over
/// kExactFrom bytes are measured, one pass over the bytes, so that 100 MB of text do not ask for 600 MB.
std::size_t worst_case_bytes(FieldView field, const Conversion& conversion) noexcept;
inline constexpr std::size_t kExactFrom = 16 * 1024;

}  // namespace millrace::postgres
