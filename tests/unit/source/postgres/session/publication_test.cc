// SPDX-License-Identifier: Apache-2.0
// Which tables a publication names, and the statement that makes it.
#include "source/postgres/session/publication.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "unit/config/parsing.h"

namespace millrace::postgres {
namespace {

PipelineConfig config_with(std::string_view more) {
  const absl::StatusOr<ProcessConfig> parsed = config::parse_text(config::file_with(more));
  if (!parsed.ok()) throw std::runtime_error(std::string(parsed.status().message()));
  return parsed->pipelines.at(0);
}

CatalogTable table(std::uint32_t oid, const char* name, char kind = 'r', std::uint32_t parent = 0,
                   char persistence = 'p') {
  return {oid, "public", name, kind, parent, persistence};
}

struct Statement {
  const char* name;
  const char* options;
  std::vector<CatalogTable> tables;
  const char* sql;
};
class CreatePublication : public testing::TestWithParam<Statement> {};
TEST_P(CreatePublication, Reads) {
  EXPECT_EQ(create_publication_sql(config_with(GetParam().options), GetParam().tables), GetParam().sql);
}
INSTANTIATE_TEST_SUITE_P(
    Table, CreatePublication,
    testing::Values(
        Statement{"default", "", {}, "CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES"},
        Statement{"name_is_quoted",
                  "publication.name: 'My \"pub\"'\n",
                  {},
                  "CREATE PUBLICATION \"My \"\"pub\"\"\" FOR ALL TABLES"},
        Statement{"filtered",
                  "publication.autocreate.mode: filtered\n",
                  {table(1, "t"), table(2, "U\"")},
                  "CREATE PUBLICATION \"dbz_publication\" FOR TABLE \"public\".\"t\", \"public\".\"U\"\"\""},
        Statement{"no_tables",
                  "publication.autocreate.mode: no_tables\n",
                  {},
                  "CREATE PUBLICATION \"dbz_publication\""},
        Statement{"for_a_person_when_disabled",
                  "publication.autocreate.mode: disabled\n",
                  {},
                  "CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES"},
        Statement{
            "by_partition_root",
            "publish.via.partition.root: true\n",
            {},
            "CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES WITH (publish_via_partition_root = true)"},
        Statement{"skipped_operations",
                  "skipped.operations: d,t\n",
                  {},
                  "CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES WITH (publish = 'insert, update')"},
        Statement{"none_skipped",
                  "skipped.operations: none\n",
                  {},
                  "CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES WITH (publish = 'insert, update, "
                  "delete, truncate')"},
        Statement{"both",
                  "skipped.operations: u\npublish.via.partition.root: true\n",
                  {},
                  "CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES WITH (publish = 'insert, delete, "
                  "truncate', "
                  "publish_via_partition_root = true)"}),
    [](const auto& row) { return std::string(row.param.name); });

struct Captured {
  const char* name;
  const char* options;
  const char* schema;
  const char* table;
  bool captured;
};
class Captures : public testing::TestWithParam<Captured> {};
TEST_P(Captures, ByTheLists) {
  EXPECT_EQ(captures(config_with(GetParam().options), GetParam().schema, GetParam().table),
            GetParam().captured);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Captures,
    testing::Values(Captured{"all", "", "public", "t", true},
                    Captured{"no_system_tables", "", "pg_catalog", "pg_class", false},
                    Captured{"no_information_schema", "", "information_schema", "tables", false},
                    Captured{"no_postgis_table", "", "public", "spatial_ref_sys", false},
                    Captured{"system_though_included", "table.include.list: .*\n", "pg_catalog", "pg_class",
                             false},
                    Captured{"included", "table.include.list: public.t\n", "public", "t", true},
                    Captured{"not_included", "table.include.list: public.t\n", "public", "u", false},
                    Captured{"whole_names_only", "table.include.list: public.t\n", "public", "tt", false},
                    Captured{"letter_case_aside", "table.include.list: PUBLIC.T\n", "public", "t", true},
                    Captured{"patterns", "table.include.list: 'public\\.t[0-9]+'\n", "public", "t12", true},
                    Captured{"excluded", "table.exclude.list: public.t\n", "public", "t", false},
                    Captured{"not_excluded", "table.exclude.list: public.t\n", "public", "u", true},
                    Captured{"schema_included", "schema.include.list: shop\n", "shop", "t", true},
                    Captured{"schema_not_included", "schema.include.list: shop\n", "public", "t", false},
                    Captured{"schema_excluded", "schema.exclude.list: shop\n", "shop", "t", false},
                    Captured{"both_lists", "schema.include.list: shop\ntable.include.list: shop.t\n", "shop",
                             "u", false}),
    [](const auto& row) { return std::string(row.param.name); });

std::string names(const std::vector<CatalogTable>& tables) {
  std::string out;
  for (const CatalogTable& each : tables) out += each.name + " ";
  return out;
}

TEST(Publishable, TreesOfPartitionsByTheirTopmostCapturedTable) {
  EXPECT_EQ(names(publishable({table(1, "plain"), table(2, "root", 'p'), table(3, "leaf", 'r', 2),
                               table(4, "branch", 'p', 2), table(5, "twig", 'r', 4)})),
            "plain root ");
  EXPECT_EQ(
      names(publishable({table(3, "leaf", 'r', 2), table(4, "branch", 'p', 2), table(5, "twig", 'r', 4)})),
      "leaf branch ")
      << "the root is not captured";
  EXPECT_EQ(names(publishable({table(1, "plain"), table(2, "unlogged", 'r', 0, 'u')})), "plain ");
  EXPECT_EQ(names(publishable({})), "");
}

}  // namespace
}  // namespace millrace::postgres
