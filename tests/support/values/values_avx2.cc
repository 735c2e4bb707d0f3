// SPDX-License-Identifier: Apache-2.0
#include "format/json/json_writer.h"
#include "source/postgres/convert/convert.h"
#include "support/values/values.h"

namespace millrace::test {

DecodeError write_value_avx2(const Conversion& conversion, FieldView field, char*& out) noexcept {
  format::JsonWriter<format::Isa::kAvx2> writer(out);
  const DecodeError error = postgres::write_value(conversion, field, writer);
  out = writer.position();
  return error;
}

DecodeError write_usual_avx2(const Conversion& conversion, FieldView field, char*& out) noexcept {
  format::JsonWriter<format::Isa::kAvx2> writer(out);
  if (!postgres::write_usual(conversion, field, writer)) return write_value_avx2(conversion, field, out);
  out = writer.position();
  return {};
}

}  // namespace millrace::test
