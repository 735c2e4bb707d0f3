// SPDX-License-Identifier: Apache-2.0
// Versions and topics: a table that is announced again without a change keeps its version.
#include "pipeline/postgres_relations.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <vector>

#include "unit/config/parsing.h"

namespace millrace {
namespace {

using postgres::ColumnView;
using postgres::RelationView;

struct Table {
  std::uint32_t oid = 16'384;
  std::string name = "t";
  char identity = 'd';
  std::vector<ColumnView> columns;
  postgres::TableDescription description;

  Table() {
    columns = {column("id", 23, true), column("v", 25, false)};
    description.oid = oid;
    description.found = true;
    description.schema = "public";
    description.name = name;
    for (const ColumnView& view : columns) {
      postgres::ColumnDescription described;
      described.name = std::string(view.name);
      described.type = value_of(view.type_oid);
      description.columns.push_back(described);
    }
    description.primary_key = {"id"};
  }
  static ColumnView column(std::string_view name, std::uint32_t type, bool in_key) {
    ColumnView view;
    view.name = name;
    view.type_oid = postgres::TypeOid{type};
    view.type_modifier = -1;
    view.in_key = in_key;
    return view;
  }
  RelationView view() const {
    return {postgres::RelationOid{oid}, "public", name, static_cast<postgres::ReplicaIdentity>(identity),
            columns};
  }
};

class PostgresRelationsTest : public testing::Test {
 protected:
  PostgresRelations& relations(std::string_view more = "") {
    const auto parsed = config::parse_text(config::file_with(more));
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    const PipelineConfig& config = parsed->pipelines.at(0);
    made_ = std::make_unique<PostgresRelations>(
        PostgresRelations::Options{"orders", config.schemas, config.tables, TopicNaming{"shop", "."}, {}},
        topics_);
    return *made_;
  }
  Topics topics_;
  std::unique_ptr<PostgresRelations> made_;
};

TEST_F(PostgresRelationsTest, AnnouncedAgainUnchangedIsTheSameVersion) {
  PostgresRelations& made = relations();
  const Table table;
  const RelationPtr first = *made.make(table.view(), &table.description);
  EXPECT_EQ(*made.make(table.view(), &table.description), first);
  EXPECT_EQ(first->version, 1U);
  EXPECT_EQ(first->id, 16'384U);
  EXPECT_TRUE(first->captured);
  EXPECT_EQ(first->topic->name, "shop.public.t");
}

struct Changed {
  const char* name;
  std::function<void(Table&)> change;
};
class ChangedShape : public PostgresRelationsTest, public testing::WithParamInterface<Changed> {};
TEST_P(ChangedShape, IsAnotherVersionOnTheSameTopic) {
  PostgresRelations& made = relations();
  Table table;
  const RelationPtr first = *made.make(table.view(), &table.description);
  GetParam().change(table);
  const RelationPtr second = *made.make(table.view(), &table.description);
  EXPECT_NE(second, first);
  EXPECT_EQ(second->version, 2U);
  EXPECT_EQ(second->topic, first->topic);
}
INSTANTIATE_TEST_SUITE_P(
    Table, ChangedShape,
    testing::Values(
        Changed{"column_added", [](Table& made) { made.columns.push_back(Table::column("w", 23, false)); }},
        Changed{"column_dropped", [](Table& made) { made.columns.pop_back(); }},
        Changed{"column_renamed", [](Table& made) { made.columns[1].name = "w"; }},
        Changed{"type", [](Table& made) { made.columns[1].type_oid = postgres::TypeOid{1043}; }},
        Changed{"modifier", [](Table& made) { made.columns[1].type_modifier = 9; }},
        Changed{"replica_identity", [](Table& made) { made.identity = 'f'; }},
        Changed{"key_mark", [](Table& made) { made.columns[1].in_key = true; }},
        Changed{"not_null", [](Table& made) { made.description.columns[1].not_null = true; }},
        Changed{"default", [](Table& made) { made.description.columns[1].default_expression = "'x'::text"; }},
        Changed{"empty_default", [](Table& made) { made.description.columns[1].default_expression = ""; }},
        Changed{"primary_key", [](Table& made) { made.description.primary_key = {"v"}; }},
        Changed{"key_order", [](Table& made) { made.description.primary_key = {"id", "v"}; }},
        Changed{"unique_key", [](Table& made) { made.description.unique_key = {"v"}; }},
        Changed{"gone", [](Table& made) { made.description.found = false; }},
        Changed{"enum_label", [](Table& made) { made.description.types[9].labels = {"ok"}; }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(PostgresRelationsTest, AnotherTableIsAnotherVersionAndTopic) {
  PostgresRelations& made = relations();
  const Table first;
  Table second;
  second.oid = 16'385;
  second.name = "u";
  const RelationPtr t = *made.make(first.view(), &first.description);
  const RelationPtr u = *made.make(second.view(), &second.description);
  EXPECT_EQ(u->version, 2U);
  EXPECT_NE(u->topic, t->topic);
  EXPECT_EQ(*made.make(first.view(), &first.description), t) << "tables do not push each other out";
}

TEST_F(PostgresRelationsTest, ARenamedTableGoesToItsNewTopic) {
  PostgresRelations& made = relations();
  Table table;
  const RelationPtr before = *made.make(table.view(), &table.description);
  table.name = "u";
  const RelationPtr after = *made.make(table.view(), &table.description);
  EXPECT_EQ(after->topic->name, "shop.public.u");
  EXPECT_EQ(after->id, before->id);
}

TEST_F(PostgresRelationsTest, UncapturedTablesHaveColumnsToSkipAndNoTopic) {
  PostgresRelations& made = relations();
  const Table table;
  const RelationPtr relation = *made.make(table.view(), nullptr);
  EXPECT_FALSE(relation->captured);
  EXPECT_EQ(relation->topic, nullptr);
  EXPECT_EQ(relation->columns.size(), 2U);
}

TEST_F(PostgresRelationsTest, CapturesByTheListsAndNeverSystemTables) {
  PostgresRelations& made = relations("table.include.list: public.t,.*\\.spatial_ref_sys\n");
  EXPECT_TRUE(made.captures("public", "t"));
  EXPECT_FALSE(made.captures("public", "u"));
  EXPECT_FALSE(made.captures("public", "spatial_ref_sys"));
  EXPECT_FALSE(relations().captures("pg_catalog", "pg_class"));
  EXPECT_FALSE(relations().captures("information_schema", "tables"));
}

TEST_F(PostgresRelationsTest, TopicsAreNumberedInOrderOfUse) {
  const Topic* const a = topics_.find("a");
  const Topic* const b = topics_.find("b");
  EXPECT_EQ(topics_.find("a"), a);
  EXPECT_EQ(a->id, 0U);
  EXPECT_EQ(b->id, 1U);
}

}  // namespace
}  // namespace millrace
