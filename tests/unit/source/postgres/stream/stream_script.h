// SPDX-License-Identifier: Apache-2.0
// Rows of tables: what a server sends, and what comes out.
#pragma once
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "unit/source/postgres/stream/scripted_stream.h"

namespace millrace::test {

struct Script {
  const char* name;
  std::vector<std::string> steps;
  std::vector<std::string> out;
  const char* failure = "";
};

inline void expect_script(const Script& script) {
  ScriptedStream stream;
  stream.run(script.steps);
  EXPECT_EQ(stream.drain(), script.out);
  if (*script.failure == '\0') {
    EXPECT_EQ(stream.failure(), "");
  } else {
    EXPECT_THAT(stream.failure(), testing::HasSubstr(script.failure));
  }
  EXPECT_EQ(stream.slabs().used_bytes(), 0U) << "a slab is still held";
}

inline std::string name_of_script(const testing::TestParamInfo<Script>& row) { return row.param.name; }

}  // namespace millrace::test
