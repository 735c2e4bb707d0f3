// SPDX-License-Identifier: Apache-2.0
#include "unit/config/parsing.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace millrace::config {
namespace {

struct Substitution {
  const char* name;
  const char* text;
  const char* result;  // or the error
};
class Substitutes : public testing::TestWithParam<Substitution> {};
TEST_P(Substitutes, OrSaysWhatIsMissing) {
  const Environment environment =
      environment_of({{"A", "1"}, {"NESTED", "${env:A}"}, {"EMPTY", ""}},
                     {{"/f", "line\n"}, {"/w", "line\r\n"}, {"/two", "a\n\n"}, {"/p", "k=v\nc:d = e\n"}});
  const absl::StatusOr<std::string> result = substitute(GetParam().text, environment);
  EXPECT_EQ(result.ok() ? *result : std::string(result.status().message()), GetParam().result);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Substitutes,
    testing::Values(
        Substitution{"nothing", "a$b{c}", "a$b{c}"}, Substitution{"variable", "x${env:A}y${env:A}", "x1y1"},
        Substitution{"once", "${env:NESTED}", "${env:A}"}, Substitution{"empty", "[${env:EMPTY}]", "[]"},
        Substitution{"file", "${file:/f}", "line"}, Substitution{"file_windows", "${file:/w}", "line"},
        Substitution{"one_line_end_only", "${file:/two}", "a\n"},
        Substitution{"property", "${file:/p:k}", "v"},
        Substitution{"expression_stays", "^a{2}${1}$", "^a{2}${1}$"},
        Substitution{"open_stays", "${env:A", "${env:A"}, Substitution{"empty_stays", "${}", "${}"},
        Substitution{"no_provider_stays", "${A}", "${A}"},
        Substitution{"upper_case_stays", "${ENV:A}", "${ENV:A}"},
        Substitution{"missing", "${env:B}", "\"env:B\": no such environment variable"},
        Substitution{"unknown", "${dir:/x:y}", "\"dir:/x:y\": unknown provider; there are env and file"},
        Substitution{"no_key", "${file:/p:x}", "\"file:/p:x\": the file has no such key"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SmallFile, IsReadUpToItsLimit) {
  const std::string path = testing::TempDir() + "small_file";
  std::ofstream(path) << std::string(2048, 'x');
  EXPECT_EQ(read_small_file(path, 2048).value().size(), 2048U);
  EXPECT_EQ(read_small_file(path, 1024).status().message(), "larger than 1 KiB");
  EXPECT_EQ(read_small_file(path + "/none", 1024).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(read_small_file(testing::TempDir(), 1024).status().code(), absl::StatusCode::kUnavailable);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace millrace::config
