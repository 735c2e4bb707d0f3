// SPDX-License-Identifier: Apache-2.0
// Values as a real server sent them: both wire forms must become the JSON that the recorder computed on its
// own. Recorded by tests/data/record_values.py; MILLRACE_VALUES names another recording
// (tests/e2e/test_value_casts.py).
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "support/hex.h"
#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

const std::map<std::string, Op>& ops_by_name() {
  static const std::map<std::string, Op> ops = {
      {"bool", Op::kBool},
      {"int2", Op::kInt16},
      {"int4", Op::kInt32},
      {"int8", Op::kInt64},
      {"oid", Op::kOid},
      {"float4", Op::kFloat32},
      {"float8", Op::kFloat64},
      {"decimal", Op::kDecimal},
      {"numeric", Op::kVariableDecimal},
      {"money", Op::kMoney},
      {"text", Op::kText},
      {"char", Op::kChar},
      {"jsonb", Op::kJsonb},
      {"uuid", Op::kUuid},
      {"inet", Op::kInet},
      {"macaddr", Op::kMacaddr},
      {"bytea", Op::kBytes},
      {"bit1", Op::kBit1},
      {"bits", Op::kBits},
      {"date", Op::kDate},
      {"time_ms", Op::kTimeMillis},
      {"time_us", Op::kTimeMicros},
      {"timestamp_ms", Op::kTimestampMillis},
      {"timestamp_us", Op::kTimestampMicros},
      {"timetz", Op::kZonedTime},
      {"timestamptz", Op::kZonedTimestamp},
      {"interval", Op::kInterval},
      {"int4range", Op::kInt4Range},
      {"int8range", Op::kInt8Range},
      {"numrange", Op::kNumRange},
      {"tsrange", Op::kTsRange},
      {"tstzrange", Op::kTstzRange},
      {"daterange", Op::kDateRange},
      {"tsvector", Op::kTsvector},
      {"ltree", Op::kLtree},
      {"hstore", Op::kHstoreJson},
      {"point", Op::kPoint},
  };
  return ops;
}

/// "decimal:2" or "decimal:2[]".
Conversion conversion_by_name(std::string name) {
  const bool array = name.ends_with("[]");
  if (array) name.resize(name.size() - 2);
  const std::size_t colon = name.find(':');
  const std::int32_t argument = colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1));
  const Op op = ops_by_name().at(name.substr(0, colon));
  return array ? array_of(op, argument) : postgres::make_conversion(op, argument);
}

std::string bytes_of(const std::string& hex) {
  const std::vector<std::byte> bytes = from_hex(hex);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(PostgresRecordedValues, BothWireFormsBecomeTheSameJson) {
  const char* const other = std::getenv("MILLRACE_VALUES");
  const std::string path = other != nullptr ? other : MILLRACE_SOURCE_DIR "/tests/data/17/values.tsv";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  // A line: conversion, text in hex, binary in hex, the expected JSON. '#' begins a comment.
  std::size_t rows = 0;
  std::map<std::string, std::size_t> rows_by_name;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::array<std::string, 4> columns;
    std::size_t at = 0;
    for (std::string& column : columns) {
      const std::size_t tab = std::min(line.find('\t', at), line.size());
      column = line.substr(at, tab - at);
      at = tab + 1;
    }
    const auto& [name, text, binary, json] = columns;
    const Conversion conversion = conversion_by_name(name);
    const Converted from_text = convert_text(conversion, bytes_of(text));
    const Converted from_binary = convert_binary(conversion, binary);
    const bool unrepresentable = json == "unrepresentable";
    if (unrepresentable) {
      EXPECT_EQ(from_text.error.reason, Reason::kUnrepresentable) << name << " " << bytes_of(text);
      EXPECT_EQ(from_binary.error.reason, Reason::kUnrepresentable) << name << " " << bytes_of(text);
    } else {
      EXPECT_EQ(from_text.json, json)
          << name << " " << bytes_of(text) << " " << to_string(from_text.error.reason);
      EXPECT_EQ(from_binary.json, json)
          << name << " " << binary << " " << to_string(from_binary.error.reason);
    }
    ++rows;
    ++rows_by_name[name.substr(0, name.find_first_of(":["))];
  }
  EXPECT_EQ(rows_by_name.size(), ops_by_name().size()) << "a type was not recorded";
  EXPECT_GT(rows, 1'000U);
}

}  // namespace
}  // namespace millrace::test
