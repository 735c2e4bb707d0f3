// SPDX-License-Identifier: Apache-2.0
#include "config/properties.h"

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

struct Property {
  const char* name;
  const char* text;
  const char* key;
  std::optional<std::string> value;
};
class Properties : public testing::TestWithParam<Property> {};
TEST_P(Properties, AreReadAsJavaReadsThem) {
  EXPECT_EQ(find_property(GetParam().text, GetParam().key), GetParam().value);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Properties,
    testing::Values(
        Property{"equals", "a=1\n", "a", "1"}, Property{"colon", "a:1", "a", "1"},
        Property{"blank", "a 1", "a", "1"}, Property{"blanks_around", "  a  =  1 2 ", "a", "1 2 "},
        Property{"value_has_equals", "a=b=c", "a", "b=c"}, Property{"no_value", "a", "a", ""},
        Property{"comment", "#a=1\n!a=2\na=3\n", "a", "3"}, Property{"last_counts", "a=1\na=2\n", "a", "2"},
        Property{"windows", "a=1\r\nb=2\r\n", "a", "1"}, Property{"continued", "a=1\\\n  2\n", "a", "12"},
        Property{"continued_windows", "a=1\\\r\n  2\r\n", "a", "12"},
        Property{"backslash_at_the_end_escaped", "a=1\\\\\nb=2\n", "a", "1\\"},
        Property{"escapes", "a=\\t\\n\\u00e9\\=\\q", "a", "\t\n\xC3\xA9=q"},
        Property{"escaped_key", "a\\:b\\ c=1", "a:b c", "1"}, Property{"missing", "a=1", "b", std::nullopt},
        Property{"broken_unicode", "a=\\u12", "a", "u12"}, Property{"empty", "", "a", std::nullopt},
        Property{"backslash_alone", "a=\\", "a", ""}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::config
