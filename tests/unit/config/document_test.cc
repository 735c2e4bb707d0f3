// SPDX-License-Identifier: Apache-2.0
#include "config/document.h"

#include "base/concat.h"

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

/// The tree as one line: scalars quoted, `?` for null.
std::string drawn(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "?";
    case Node::Kind::kScalar:
      return concat("'", node.text, "'");
    case Node::Kind::kList: {
      std::string out = "[";
      for (const Node& item : node.items) append(out, drawn(item), " ");
      return out + "]";
    }
    case Node::Kind::kMap: {
      std::string out = "{";
      for (const Node::Member& member : node.members)
        append(out, member.key, "@", member.line, "=", drawn(member.value), " ");
      return out + "}";
    }
  }
  return "";
}

std::string read(std::string_view text) {
  const std::variant<Node, DocumentError> result = read_document(text);
  if (const auto* error = std::get_if<DocumentError>(&result))
    return concat("line ", error->line, ": ", error->what);
  return drawn(std::get<Node>(result));
}

TEST(Document, KeepsOrderLinesAndText) {
  EXPECT_EQ(read("b: 1\na:\n  - x\n  - 'y: z'\nc: ~\nd: ''\n"), "{b@1='1' a@2=['x' 'y: z' ] c@5=? d@6='' }");
  EXPECT_EQ(read("{\"a\":{\"b\":\"c\\u00e9\\/\"},\n\t\"d\":[1,true]}"),
            "{a@1={b@1='c\xC3\xA9/' } d@2=['1' 'true' ] }");
}

TEST(Document, KeepsBothOfTwoEqualKeysForTheReaderToRefuse) {
  EXPECT_EQ(read("a: 1\na: 2\n"), "{a@1='1' a@2='2' }");
}

TEST(Document, AliasesAreExpandedAndMerged) {
  EXPECT_EQ(read("a: &x {p: 1, q: 2}\nb: *x\n"), "{a@1={p@1='1' q@1='2' } b@2={p@1='1' q@1='2' } }");
  EXPECT_EQ(read("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n"),
            "{a@1={p@1='1' q@1='2' } b@2={q@2='3' p@1='1' } }");
  EXPECT_EQ(read("a: &x {p: 1}\nc: &y {r: 1}\nb: {<<: [*x, *y]}\n"),
            "{a@1={p@1='1' } c@2={r@2='1' } b@3={p@1='1' r@2='1' } }");
  EXPECT_EQ(read("<<: 1\n"), "line 1: `<<` takes a map, or a list of maps");
}

TEST(Document, AliasOfItselfIsRefused) {
  EXPECT_EQ(read("a: &x [*x]\n"), "line 1: an alias inside the value it stands for");
}

TEST(Document, AliasBombIsRefusedAtOnce) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    append(bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) append(bomb, j == 0 ? "*a" : ", *a", i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(read(bomb), "line 4: more than 20000 values, aliases expanded");
}

TEST(Document, AliasesOfLongTextAreRefusedAtOnce) {
  std::string bomb = concat("a: &a ", std::string(100'000, 'x'), "\nb: [");
  for (int i = 0; i < 1000; ++i) bomb += "*a, ";
  bomb += "*a]\n";
  EXPECT_EQ(read(bomb), "line 2: too much text, aliases expanded");
}

TEST(Document, DepthIsLimited) {
  EXPECT_EQ(read(std::string(32, '[') + std::string(32, ']')).substr(0, 5), "[[[[[");
  EXPECT_EQ(read(std::string(33, '[') + std::string(33, ']')), "line 1: nested more than 32 deep");
  EXPECT_EQ(read(std::string(100'000, '[')), "line 1: nested more than 32 deep");
  std::string maps;
  for (int i = 0; i < 40; ++i) append(maps, std::string(static_cast<std::size_t>(i), ' '), "a:\n");
  EXPECT_EQ(read(maps), "line 33: nested more than 32 deep");
}

TEST(Document, SizeIsLimited) {
  EXPECT_EQ(read(std::string(kFileBytesMax + 1, 'a')), "line 0: larger than 1 MiB");
}

struct BadText {
  const char* name;
  const char* text;
  const char* error;
};
class RefusesText : public testing::TestWithParam<BadText> {};
TEST_P(RefusesText, WithLine) { EXPECT_EQ(read(GetParam().text), GetParam().error); }
INSTANTIATE_TEST_SUITE_P(
    Table, RefusesText,
    testing::Values(BadText{"empty", "", "line 0: empty"}, BadText{"only_comment", "# x\n", "line 0: empty"},
                    BadText{"tag", "a: !secret b\n", "line 1: a tag (`!name`) has no meaning here"},
                    BadText{"list_as_key", "? [a]\n: b\n", "line 1: a key that is not a word"},
                    BadText{"control", "a: b\nc: \x01\n", "line 2: control character 1"},
                    BadText{"latin1", "a: b\nc: \xE9\n", "line 2: not UTF-8"},
                    BadText{"utf16", "\xFF\xFE\x61", "line 1: not UTF-8"},
                    BadText{"unknown_alias", "a: *x\n", "line 1: the referenced anchor is not defined"},
                    BadText{"tab_indent", "a:\n\tb: c\n", "line 2: illegal map value"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::config
