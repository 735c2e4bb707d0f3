// SPDX-License-Identifier: Apache-2.0
// Tables of values: a conversion, both wire forms, and the JSON that the contract asks for.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "source/postgres/convert/op.h"
#include "support/values/values.h"

namespace millrace::test {

struct Case {
  const char* name;
  postgres::Op op;
  std::int32_t argument;
  const char* text;    ///< The server's text; nullptr: not in this form.
  const char* binary;  ///< Hex; nullptr: not in this form.
  const char* json;
  friend void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }
};

inline std::string case_name(const testing::TestParamInfo<Case>& row) { return row.param.name; }

inline void expect_json(const Conversion& conversion, const char* text, const char* binary,
                        std::string_view json) {
  if (text != nullptr) {
    const Converted converted = convert_text(conversion, text);
    EXPECT_EQ(converted.json, json) << "text " << text << ": " << to_string(converted.error.reason) << " at "
                                    << converted.error.byte_offset;
  }
  if (binary != nullptr) {
    const Converted converted = convert_binary(conversion, binary);
    EXPECT_EQ(converted.json, json) << "binary " << binary << ": " << to_string(converted.error.reason)
                                    << " at " << converted.error.byte_offset;
  }
}

inline void expect_json(const Case& row) {
  expect_json(postgres::make_conversion(row.op, row.argument), row.text, row.binary, row.json);
}

inline Conversion array_of(postgres::Op op, std::int32_t argument = 0) {
  Conversion conversion = postgres::make_conversion(postgres::Op::kArray);
  conversion.element = std::make_shared<const Conversion>(postgres::make_conversion(op, argument));
  return conversion;
}

}  // namespace millrace::test
