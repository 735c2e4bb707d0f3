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

/// @tparam Rows  has write_value(conversion, field, writer), as in source/postgres/row_decoder.h.
template <class Rows, format::Isa isa>
char* write_image(const Plan& plan, std::span<const FieldPlan> fields, const FieldView* values,
                  const FieldView* old_values, char* out, ImageReport& report) noexcept {
  format::JsonWriter<isa> writer(out);
  if (fields.empty()) writer.raw('{');
  for (const FieldPlan& plan_of : fields) {
    writer.raw(plan.text(plan_of.lead));
    FieldView value = values[plan_of.column];
    if (!value.has_value()) [[unlikely]] {
      if (value.kind != FieldKind::kUnchanged) {
        writer.raw(plan.text(plan_of.unset));
        continue;
      }
      if (old_values == nullptr || !old_values[plan_of.column].has_value()) {
        report.unavailable += !plan_of.has_marker;
        writer.raw(plan.text(plan_of.unavailable));
        continue;
      }
      value = old_values[plan_of.column];
    }
    const DecodeError error = Rows::write_value(plan_of.conversion, value, writer);
    if (error) [[unlikely]] {
      report.field = static_cast<std::uint32_t>(&plan_of - fields.data());
      if (error.reason != Reason::kUnrepresentable) {
        report.error = error;
        return nullptr;
      }
      ++report.unrepresentable;
      writer.raw(plan.text(plan_of.unset));
    }
  }
  return writer.position();
}

}  // namespace millrace::debezium
