// SPDX-License-Identifier: Apache-2.0
// What a Relation message and a catalog that may be ahead of it make together: key, nullability, defaults.
// Types: tests/unit/pipeline/encoders/types_test.cc.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "source/postgres/type_map/type_map.h"

namespace millrace::postgres {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Announced {
  std::vector<ColumnView> columns;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::string_view schema = "public";
  RelationView view() const { return {RelationOid{16'384}, schema, "t", identity, columns}; }
};

ColumnView column(std::string_view name, std::uint32_t type, bool in_key, std::int32_t modifier = -1) {
  ColumnView view;
  view.name = name;
  view.type_oid = TypeOid{type};
  view.type_modifier = modifier;
  view.in_key = in_key;
  return view;
}

TableDescription catalog(std::vector<std::string> primary, std::vector<std::string> unique) {
  TableDescription table;
  table.oid = 16'384;
  table.found = true;
  table.schema = "public";
  table.name = "t";
  for (const char* name : {"a", "b", "u", "v"}) {
    ColumnDescription description;
    description.name = name;
    description.type = 23;
    description.not_null = true;
    table.columns.push_back(description);
  }
  table.primary_key = std::move(primary);
  table.unique_key = std::move(unique);
  return table;
}

struct KeyCase {
  const char* name;
  char identity;
  const char* marked;  ///< One letter a column.
  std::vector<std::string> primary;
  std::vector<std::string> unique;
  std::string key;
  bool found = true;
};
class RelationKey : public testing::TestWithParam<KeyCase> {};
TEST_P(RelationKey, IsTheCatalogsUnlessTheLogSaysOtherwise) {
  const KeyCase& c = GetParam();
  Announced announced;
  announced.identity = static_cast<ReplicaIdentity>(c.identity);
  for (const char* name : {"a", "b", "u", "v"}) {
    announced.columns.push_back(column(name, 23, std::string(c.marked).find(name) != std::string::npos));
  }
  TableDescription described = catalog(c.primary, c.unique);
  described.found = c.found;
  const Relation relation = map_relation(announced.view(), described, {}).relation;
  std::string key;
  for (const std::uint16_t index : relation.key) key += relation.columns[index].name;
  EXPECT_EQ(key, c.key);
  EXPECT_EQ(relation.old_tuple_is_key, c.identity != 'f');
}
INSTANTIATE_TEST_SUITE_P(
    Table, RelationKey,
    testing::Values(KeyCase{"default_primary", 'd', "a", {"a"}, {}, "a"},
                    KeyCase{"default_in_key_order", 'd', "ab", {"b", "a"}, {}, "ba"},
                    KeyCase{"default_primary_before_unique", 'd', "a", {"a"}, {"u"}, "a"},
                    KeyCase{"default_unique_without_primary", 'd', "", {}, {"u", "b"}, "ub"},
                    KeyCase{"default_none", 'd', "", {}, {}, ""},
                    KeyCase{"default_primary_dropped_since", 'd', "a", {}, {}, "a"},
                    KeyCase{"default_primary_moved_since", 'd', "a", {"b"}, {}, "a"},
                    KeyCase{"default_primary_added_since", 'd', "", {"a"}, {}, ""},
                    KeyCase{"default_primary_added_since_beside_unique", 'd', "", {"a"}, {"u"}, "u"},
                    KeyCase{"default_table_dropped_since", 'd', "a", {}, {}, "a", false},
                    KeyCase{"full_primary", 'f', "abuv", {"a"}, {}, "a"},
                    KeyCase{"full_unique", 'f', "abuv", {}, {"u"}, "u"},
                    KeyCase{"full_none", 'f', "abuv", {}, {}, ""},
                    KeyCase{"full_table_dropped_since", 'f', "abuv", {}, {}, "", false},
                    KeyCase{"index_beside_primary", 'i', "u", {"a"}, {"u"}, "a"},
                    KeyCase{"index_without_primary", 'i', "u", {}, {"u"}, "u"},
                    KeyCase{"index_and_primary_renamed_since", 'i', "u", {"gone"}, {}, "u"},
                    KeyCase{"index_table_dropped_since", 'i', "u", {}, {}, "u", false},
                    KeyCase{"nothing_primary", 'n', "", {"a"}, {}, "a"},
                    KeyCase{"nothing_none", 'n', "", {}, {}, ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RelationMap, CatalogCountsOnlyWhereNameAndTypeAgree) {
  TableDescription described = catalog({"a"}, {});
  described.columns[0].default_expression = "1";
  described.columns[1].default_expression = "2";
  described.columns[1].type = 20;  // altered since the message
  Announced announced;
  announced.columns = {column("a", 23, true), column("b", 23, false), column("old", 23, false)};
  const Relation relation = map_relation(announced.view(), described, {}).relation;
  ASSERT_EQ(relation.columns.size(), 3U);
  EXPECT_FALSE(relation.columns[0].nullable);
  EXPECT_FALSE(relation.columns[0].schema.optional);
  EXPECT_EQ(relation.columns[0].default_text, "1");
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_TRUE(relation.columns[i].nullable) << i;
    EXPECT_TRUE(relation.columns[i].schema.optional) << i;
    EXPECT_FALSE(relation.columns[i].default_text) << i;
  }
  EXPECT_EQ(relation.columns[1].schema.type, SchemaType::kInt32) << "the message's type rules";
}

TEST(RelationMap, WhatIsLeftOutIsWarnedOfByTableColumnAndType) {
  TableDescription described = catalog({"a"}, {});
  described.columns[1].type = 603;
  TypeDescription box;
  box.oid = 603;
  box.name = "box";
  described.types[603] = box;
  described.columns[2].default_expression = "(1 + 2)";
  described.columns[3].default_expression = "NULL::integer";
  Announced announced;
  announced.columns = {column("a", 23, true), column("b", 603, false), column("u", 23, false),
                       column("v", 23, false), column("w", 604, false)};
  const MappedRelation mapped = map_relation(announced.view(), described, {});
  EXPECT_FALSE(mapped.relation.columns[1].captured);
  EXPECT_THAT(
      mapped.warnings,
      ElementsAre("table public.t: column \"b\" is left out of events: type box is not supported",
                  "table public.t: column \"u\": the default (1 + 2) is no literal; its schema carries none",
                  "table public.t: column \"w\" is left out of events: type with oid 604 is not supported"));
}

TEST(RelationMap, UnsupportedColumnLeavesTheKey) {
  TableDescription described = catalog({"a", "b"}, {});
  described.columns[1].type = 603;
  Announced announced;
  announced.columns = {column("a", 23, true), column("b", 603, true)};
  EXPECT_THAT(map_relation(announced.view(), described, {}).relation.key, ElementsAre(0));
}

TEST(RelationMap, NamesComeFromTheMessage) {
  Announced announced;
  announced.schema = "";
  announced.columns = {column("a", 23, true)};
  TypeMapOptions options;
  options.database = "db";
  const Relation relation = map_relation(announced.view(), catalog({"a"}, {}), options).relation;
  EXPECT_EQ(relation.schema, "pg_catalog");
  EXPECT_EQ(relation.table, "t");
  EXPECT_EQ(relation.database, "db");
  EXPECT_EQ(relation.id, 16'384U);
}

TEST(RelationMap, MoneyScaleIsAnOption) {
  TypeMapOptions options;
  options.money_fraction_digits = 4;
  const auto mapped = map_type(790, -1, {}, options);
  ASSERT_TRUE(mapped);
  ASSERT_EQ(mapped->schema.parameters.size(), 1U);
  EXPECT_EQ(mapped->schema.parameters[0].second, "4");
  EXPECT_EQ(mapped->conversion.argument, 4);
}

class SnapshotRelation : public testing::TestWithParam<char> {};
TEST_P(SnapshotRelation, EqualsTheStreams) {
  TableDescription described = catalog({"b", "a"}, {"u"});
  described.replica_identity = GetParam();
  described.columns[2].not_null = false;
  described.columns[3].type = 1700;
  described.columns[3].type_modifier = 655'366;
  described.columns[3].default_expression = "1.5";
  Announced announced;
  announced.identity = static_cast<ReplicaIdentity>(GetParam());
  const bool full = GetParam() == 'f';
  announced.columns = {column("v", 1700, full, 655'366), column("a", 23, true), column("u", 23, full),
                       column("b", 23, true)};
  const std::string names[] = {"v", "a", "u", "b"};
  const Relation streamed = map_relation(announced.view(), described, {}).relation;
  const Relation copied = map_snapshot_relation(described, names, {}).relation;
  EXPECT_EQ(copied.id, streamed.id);
  EXPECT_EQ(copied.key, streamed.key);
  EXPECT_THAT(copied.key, ElementsAre(3, 1));
  EXPECT_EQ(copied.old_tuple_is_key, streamed.old_tuple_is_key);
  ASSERT_EQ(copied.columns.size(), streamed.columns.size());
  for (std::size_t i = 0; i < copied.columns.size(); ++i) {
    EXPECT_EQ(copied.columns[i].name, streamed.columns[i].name);
    EXPECT_EQ(copied.columns[i].nullable, streamed.columns[i].nullable);
    EXPECT_EQ(copied.columns[i].default_text, streamed.columns[i].default_text);
    EXPECT_EQ(copied.columns[i].schema.name, streamed.columns[i].schema.name);
    EXPECT_EQ(copied.columns[i].conversion.op, streamed.columns[i].conversion.op);
    EXPECT_EQ(copied.columns[i].conversion.argument, streamed.columns[i].conversion.argument);
  }
}
INSTANTIATE_TEST_SUITE_P(Identities, SnapshotRelation, testing::Values('d', 'f'));

}  // namespace
}  // namespace millrace::postgres
