// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/quoting.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::postgres {
namespace {

TEST(Quoting, Identifiers) {
  const std::pair<const char*, const char*> table[] = {{"", "\"\""},
                                                       {"t", "\"t\""},
                                                       {"Select", "\"Select\""},
                                                       {"na\"me", "\"na\"\"me\""},
                                                       {"\"\"", "\"\"\"\"\"\""},
                                                       {"it's", "\"it's\""},
                                                       {"a.b", "\"a.b\""},
                                                       {"\xF0\x9F\x98\x80;--", "\"\xF0\x9F\x98\x80;--\""}};
  for (const auto& [name, quoted] : table) EXPECT_EQ(quote_identifier(name), quoted);
  EXPECT_EQ(quote_qualified("pub.lic", "t\""), "\"pub.lic\".\"t\"\"\"");
}

TEST(Quoting, Literals) {
  const std::pair<const char*, const char*> table[] = {
      {"", "''"},       {"it's", "'it''s'"},
      {"''", "''''''"}, {"a\\'b", "'a\\''b'"},
      {"\"", "'\"'"},   {"'; DROP TABLE t; --", "'''; DROP TABLE t; --'"}};
  for (const auto& [text, quoted] : table) EXPECT_EQ(quote_literal(text), quoted);
}

}  // namespace
}  // namespace millrace::postgres
