// SPDX-License-Identifier: Apache-2.0
// The row loop: one image or key, from wire values to JSON. A template over the instruction set, instantiated
// in translation units of its own (src/pipeline/encoders_*.cc) and called through a pointer, once an image.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/debezium/plan.h"
#include "format/json/isa.h"
#include "format/json/json_writer.h"
#include "millrace/base/cursor.h"
#include "millrace/change/field.h"

namespace millrace::debezium {

/// What writing an image met besides values.
struct ImageReport {
  DecodeError error;        ///< Set when the image could not be written; byte_offset counts in the value.
  std::uint32_t field = 0;  ///< The failed field, or the last unrepresentable one, in the plan's order.
  std::uint32_t unrepresentable = 0;
  std::uint32_t unavailable = 0;  ///< Unchanged values without marker and old value.
};

/// Writes {"a":1,"b":..  without the closing brace: the constants behind an image begin with it.
/// @param values      by column; an unchanged one is taken from `old_values`, which may be null.
/// @param out         room for the image's bound and format::kWriteSlack.
/// @return behind the last byte, or nullptr with report.error set.
using ImageKernel = char* (*)(const Plan& plan, std::span<const FieldPlan> fields, const FieldView* values,
                              const FieldView* old_values, char* out, ImageReport& report) noexcept;

/// One value of any kind. A call, so that the row loop keeps its place in a register.
template <class Rows, format::Isa isa>
[[gnu::noinline]] char* write_any(const Plan& plan, const FieldPlan& field, FieldView value,
                                  const FieldView* old_values, char* out, ImageReport& report) noexcept {
  format::JsonWriter<isa> writer(out);
  if (!value.has_value()) {
    if (value.kind != FieldKind::kUnchanged) {
      writer.raw(plan.text(field.unset));
      return writer.position();
    }
    if (old_values == nullptr || !old_values[field.column].has_value()) {
      report.unavailable += !field.has_marker;
      writer.raw(plan.text(field.unavailable));
      return writer.position();
    }
    value = old_values[field.column];
  }
  const DecodeError error = Rows::write_value(field.conversion, value, writer);
  if (error) [[unlikely]] {
    report.field = field.index;
    if (error.reason != Reason::kUnrepresentable) {
      report.error = error;
      return nullptr;
    }
    ++report.unrepresentable;
    writer.raw(plan.text(field.unset));
  }
  return writer.position();
}

/// @tparam Rows  has write_usual() and write_value(), as in source/postgres/row_decoder.h.
template <class Rows, format::Isa isa>
char* write_image(const Plan& plan, std::span<const FieldPlan> fields, const FieldView* values,
                  const FieldView* old_values, char* out, ImageReport& report) noexcept {
  format::JsonWriter<isa> writer(out);
  if (fields.empty()) writer.raw('{');
  const char* const texts = plan.texts();
  for (const FieldPlan& field : fields) {
    writer.raw({texts + field.lead.at, field.lead.size});
    const FieldView value = values[field.column];
    if (Rows::write_usual(field.conversion, value, writer)) [[likely]]
      continue;
    if (value.is_null()) {
      writer.raw({texts + field.unset.at, field.unset.size});
      continue;
    }
    char* const end = write_any<Rows, isa>(plan, field, value, old_values, writer.position(), report);
    if (end == nullptr) [[unlikely]]
      return nullptr;
    writer.rewind(end);
  }
  return writer.position();
}

}  // namespace millrace::debezium
