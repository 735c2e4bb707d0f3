// SPDX-License-Identifier: Apache-2.0
// Which records a change makes, and what stands where the log carries no value:
// debezium-contract 1.4, 1.6, 1.10, 1.11, 2.3, 2.4.
#include <gmock/gmock.h>

#include "unit/pipeline/encoders/encoding.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TestTable keyless() {
  TestTable table = skeleton();
  table.primary_key = {};
  table.identity = 'f';
  return table;
}

TEST(EncoderRules, KeyHasThePrimaryKeysOrder) {
  TestTable table;
  table.columns = {{"a", 23, -1, true, {}}, {"b", 25, -1, true, {}}, {"c", 23, -1, true, {}}};
  table.primary_key = {"c", "b"};
  ChangeBatch changes;
  changes.insert(make_relation(table), {text("1"), text("x"), text("3")});
  EXPECT_THAT(told(encode(changes)), ElementsAre(R"({"c":3,"b":"x"} | c - -> {"a":1,"b":"x","c":3})"));
}

TEST(EncoderRules, UniqueIndexIsTheKeyWhereThereIsNoPrimaryKey) {
  TestTable table = skeleton();
  table.primary_key = {};
  table.unique_key = {"v"};
  ChangeBatch changes;
  const RelationPtr relation = make_relation(table);
  changes.insert(relation, {text("1"), text("x")});
  changes.insert(relation, {text("2"), null()});
  EXPECT_THAT(told(encode(changes)), ElementsAre(R"({"v":"x"} | c - -> {"id":1,"v":"x"})",
                                                 R"({"v":null} | c - -> {"id":2,"v":null})"));
}

TEST(EncoderRules, WithoutKeyEveryUpdateIsOneRecordAndADeleteHasATombstone) {
  const RelationPtr relation = make_relation(keyless());
  ChangeBatch changes;
  changes.insert(relation, {text("1"), text("x")});
  changes.update(relation, 'O', {text("1"), text("x")}, {text("2"), text("y")});
  changes.remove(relation, 'O', {text("2"), text("y")});
  EXPECT_THAT(told(encode(changes)),
              ElementsAre(R"(- | c - -> {"id":1,"v":"x"})", R"(- | u {"id":1,"v":"x"} -> {"id":2,"v":"y"})",
                          R"(- | d {"id":2,"v":"y"} -> -)", "- | tombstone"));
}

TEST(EncoderRules, PartitionOfAKeylessRecordFollowsFromTableAndPosition) {
  const RelationPtr relation = make_relation(keyless());
  TestTable other = keyless();
  other.name = "u";
  ChangeBatch first;
  first.at(1000);
  first.insert(relation, {text("1"), text("x")});
  first.at(1001);
  first.insert(relation, {text("1"), text("x")});
  ChangeBatch again;  // the same places, cut into another batch, after a restart
  again.at(1001);
  again.insert(make_relation(keyless()), {text("7"), null()});
  again.insert(make_relation(other), {text("7"), null()});
  const EncodedBatch a = encode(first);
  const EncodedBatch b = encode(again);
  ASSERT_EQ(a.records.size(), 2U);
  ASSERT_EQ(b.records.size(), 2U);
  EXPECT_EQ(a.records[1].partition_hash, b.records[0].partition_hash);
  EXPECT_NE(a.records[0].partition_hash, a.records[1].partition_hash);
  EXPECT_NE(b.records[0].partition_hash, b.records[1].partition_hash);
  EXPECT_LT(a.records[0].partition_hash, 0x8000'0000U);
}

TEST(EncoderRules, PartitionIsMurmur2OfTheWholeKeyWithItsSchema) {
  const RelationPtr relation = make_relation(skeleton());
  ChangeBatch changes;
  changes.insert(relation, {text("1"), null()});
  // Utils.toPositive(Utils.murmur2(key)), calculated apart from the product.
  EXPECT_EQ(encode(changes).records[0].partition_hash, 2090714916U);
  debezium::EnvelopeOptions options = plain_options();
  options.key_schemas = true;
  EXPECT_EQ(encode(changes, options).records[0].partition_hash, 675561636U);
}

TEST(EncoderRules, TombstonesCanBeLeftOut) {
  const RelationPtr relation = make_relation(skeleton());
  ChangeBatch changes;
  changes.remove(relation, 'K', {text("1"), null()});
  changes.update(relation, 'K', {text("1"), null()}, {text("2"), null()});
  debezium::EnvelopeOptions options = plain_options();
  options.tombstones_on_delete = false;
  EXPECT_THAT(told(encode(changes, options)),
              ElementsAre(R"({"id":1} | d {"id":1,"v":null} -> -)",
                          R"({"id":1} | d {"id":1,"v":null} -> - newkey {"id":2})",
                          R"({"id":2} | c - -> {"id":2,"v":null} oldkey {"id":1})"));
}

TEST(EncoderRules, ContextHeadersCanBeSwitchedOff) {
  ChangeBatch changes;
  changes.remove(make_relation(skeleton()), 'K', {text("1"), null()});
  for (const EncodedRecord& record : encode(changes).records) EXPECT_TRUE(record.context_headers);
  debezium::EnvelopeOptions options = plain_options();
  options.context_headers = false;
  for (const EncodedRecord& record : encode(changes, options).records) EXPECT_FALSE(record.context_headers);
}

struct Skip {
  const char* name;
  debezium::SkippedOperations skipped;
  std::vector<std::string> ops;
};
class SkippedOperation : public testing::TestWithParam<Skip> {};
TEST_P(SkippedOperation, MakesNoRecord) {
  const RelationPtr relation = make_relation(skeleton());
  ChangeBatch changes;
  changes.read(relation, {text("0"), null()});
  changes.insert(relation, {text("1"), null()});
  changes.update(relation, 0, {}, {text("1"), null()});
  changes.remove(relation, 'K', {text("1"), null()});
  changes.truncate(relation);
  debezium::EnvelopeOptions options = plain_options();
  options.skipped = GetParam().skipped;
  const EncodedBatch out = encode(changes, options);
  std::vector<std::string> ops;
  for (const EncodedRecord& record : out.records) {
    ops.push_back(record.value ? record.value->substr(record.value->find("\"op\":\"") + 6, 1) : "tombstone");
  }
  EXPECT_EQ(ops, GetParam().ops);
  EXPECT_EQ(out.next, 5U) << "skipped changes are passed as well";
}
INSTANTIATE_TEST_SUITE_P(
    Table, SkippedOperation,
    testing::Values(Skip{"by_default", {}, {"r", "c", "u", "d", "tombstone"}},
                    Skip{"none", {false, false, false, false}, {"r", "c", "u", "d", "tombstone", "t"}},
                    Skip{"create", {true, false, false, false}, {"r", "u", "d", "tombstone", "t"}},
                    Skip{"update", {false, true, false, false}, {"r", "c", "d", "tombstone", "t"}},
                    Skip{"remove", {false, false, true, false}, {"r", "c", "u", "t"}},
                    Skip{"all", {true, true, true, true}, {"r"}}),
    [](const auto& row) { return std::string(row.param.name); });

// --- replica identities (contract 2.4)
// -----------------------------------------------------------------------------

TestTable with_required_columns() {
  TestTable table;
  table.columns = {
      {"id", 23, -1, true, {}},         {"flag", 16, -1, true, {}},    {"n", 1700, 655366, true, {}},
      {"s", 25, -1, true, "'x'::text"}, {"u", 2950, -1, true, {}},     {"at", 1184, -1, true, {}},
      {"list", 1007, -1, true, {}},     {"p", 600, -1, true, {}},      {"b", 17, -1, true, {}},
      {"open", 23, -1, false, "5"},     {"last", 701, -1, true, {}},   {"z", 1266, -1, true, {}},
      {"d", 1700, -1, true, {}},        {"nothing", 25, -1, false, {}}};
  table.primary_key = {"id"};
  return table;
}
constexpr char kFilled[] =
    R"({"id":1,"flag":false,"n":"AA==","s":"x","u":"","at":"1970-01-01T00:00:00Z","list":[],)"
    R"("p":{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null},"b":"","open":5,"last":0.0,)"
    R"("z":"00:00:00Z","d":{"scale":0,"value":"AA=="},"nothing":null})";

TEST(EncoderRules, KeyTupleShowsDefaultsAndZerosForWhatIsNotLogged) {
  ChangeBatch changes;
  Tuple key(14, null());
  key[0] = text("1");
  changes.remove(make_relation(with_required_columns()), 'K', key);
  EXPECT_THAT(told(encode(changes)),
              ElementsAre(std::string(R"({"id":1} | d )") + kFilled + " -> -", R"({"id":1} | tombstone)"));
}

TEST(EncoderRules, NullInAColumnWithADefaultIsPrintedAsTheDefault) {
  TestTable table = skeleton();
  table.columns[1] = {"v", 23, -1, false, "5"};
  ChangeBatch changes;
  changes.insert(make_relation(table), {text("1"), null()});
  EXPECT_THAT(told(encode(changes)), ElementsAre(R"({"id":1} | c - -> {"id":1,"v":5})"));
}

TEST(EncoderRules, FullIdentityShowsTheOldRow) {
  TestTable table = skeleton();
  table.identity = 'f';
  const RelationPtr relation = make_relation(table);
  ChangeBatch changes;
  changes.update(relation, 'O', {text("1"), text("x")}, {text("1"), text("y")});
  changes.update(relation, 'O', {text("1"), text("y")}, {text("2"), text("z")});
  changes.remove(relation, 'O', {text("2"), text("z")});
  EXPECT_THAT(told(encode(changes)),
              ElementsAre(R"({"id":1} | u {"id":1,"v":"x"} -> {"id":1,"v":"y"})",
                          R"({"id":1} | d {"id":1,"v":"y"} -> - newkey {"id":2})",
                          R"({"id":1} | tombstone newkey {"id":2})",
                          R"({"id":2} | c - -> {"id":2,"v":"z"} oldkey {"id":1})",
                          R"({"id":2} | d {"id":2,"v":"z"} -> -)", R"({"id":2} | tombstone)"));
}

TEST(EncoderRules, IndexIdentityThatIsNotTheKeyLeavesTheKeyUnchanged) {
  TestTable table = skeleton();
  table.identity = 'i';
  const RelationPtr relation = make_relation(table);
  ChangeBatch changes;
  // Only "v" is logged of the old row: the key's null is no value.
  changes.update(relation, 'K', {null(), text("x")}, {text("1"), text("y")});
  const EncodedBatch out = encode(changes);
  EXPECT_THAT(told(out), ElementsAre(R"({"id":1} | u {"id":0,"v":"x"} -> {"id":1,"v":"y"})"));
}

TEST(EncoderRules, DeleteThatDoesNotLogTheKeyIsCountedAndWarnedOfOnce) {
  TestTable table = skeleton();
  table.identity = 'i';
  const RelationPtr relation = make_relation(table);
  ChangeBatch changes;
  changes.remove(relation, 'K', {null(), text("x")});
  changes.remove(relation, 'K', {null(), text("y")});
  const auto encoder = make_postgres_debezium_json_encoder(plain_options());
  const EncodedBatch out = encode_all(*encoder, changes.batch());
  EXPECT_EQ(told(out)[0], R"({"id":0} | d {"id":0,"v":"x"} -> -)");
  EXPECT_EQ(encoder->counters().keys_not_logged, 2U);
  const std::vector<std::string> warnings = encoder->take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("public.t"), std::string::npos);
  EXPECT_THAT(encoder->take_warnings(), IsEmpty());
}

TEST(EncoderRules, AKeyThatOnlyLooksDifferentIsNoKeyChange) {
  TestTable table = skeleton();
  table.columns[0] = {"id", 1700, -1, true, {}};  // numeric: 1.0 and 1.00 are the same event key
  ChangeBatch changes;
  changes.update(make_relation(table), 'K', {text("1.0"), null()}, {text("1.00"), text("y")});
  EXPECT_THAT(
      told(encode(changes)),
      ElementsAre(R"({"id":{"scale":0,"value":"AQ=="}} | u {"id":{"scale":0,"value":"AQ=="},"v":null} -> )"
                  R"({"id":{"scale":0,"value":"AQ=="},"v":"y"})"));
}

TEST(EncoderRules, KeyChangeWithSchemasCarriesThePayloadInItsHeader) {
  ChangeBatch changes;
  changes.update(make_relation(skeleton()), 'K', {text("1"), null()}, {text("2"), text("x")});
  debezium::EnvelopeOptions options = plain_options();
  options.key_schemas = true;
  options.value_schemas = true;
  const EncodedBatch out = encode(changes, options);
  ASSERT_EQ(out.records.size(), 3U);
  EXPECT_EQ(out.records[0].header, R"({"id":2})");
  EXPECT_EQ(out.records[2].header, R"({"id":1})");
}

// --- unchanged TOAST values (contract 2.5)
// -----------------------------------------------------------------------------

TEST(EncoderRules, UnchangedValueComesFromTheOldRowWhereItIsLogged) {
  TestTable table = skeleton();
  table.identity = 'f';
  ChangeBatch changes;
  changes.update(make_relation(table), 'O', {text("1"), text("long")}, {text("1"), unchanged()});
  EXPECT_THAT(told(encode(changes)),
              ElementsAre(R"({"id":1} | u {"id":1,"v":"long"} -> {"id":1,"v":"long"})"));
}

struct Toasted {
  const char* name;
  std::uint32_t type;
  std::int32_t modifier;
  bool not_null;
  const char* shown;
  bool has_marker = true;
};
class UnchangedToast : public testing::TestWithParam<Toasted> {};
TEST_P(UnchangedToast, ShowsItsMarker) {
  TestTable table = skeleton();
  table.columns[1] = {"v", GetParam().type, GetParam().modifier, GetParam().not_null, {}};
  ChangeBatch changes;
  changes.update(make_relation(table), 0, {}, {text("1"), unchanged()});
  const auto encoder = make_postgres_debezium_json_encoder(plain_options());
  EXPECT_THAT(told(encode_all(*encoder, changes.batch())),
              ElementsAre(std::string(R"({"id":1} | u - -> {"id":1,"v":)") + GetParam().shown + "}"));
  EXPECT_EQ(encoder->counters().unavailable_values, GetParam().has_marker ? 0U : 1U);
}
constexpr char kBytesOfMarker[] =
    "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]";
INSTANTIATE_TEST_SUITE_P(
    Contract, UnchangedToast,
    testing::Values(Toasted{"text", 25, -1, false, R"("__debezium_unavailable_value")"},
                    Toasted{"varchar", 1043, 24, true, R"("__debezium_unavailable_value")"},
                    Toasted{"bpchar", 1042, 24, false, R"("__debezium_unavailable_value")"},
                    Toasted{"json", 114, -1, false, R"("__debezium_unavailable_value")"},
                    Toasted{"jsonb", 3802, -1, false, R"("__debezium_unavailable_value")"},
                    Toasted{"xml", 142, -1, false, R"("__debezium_unavailable_value")"},
                    Toasted{"bytea", 17, -1, false, R"("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")"},
                    Toasted{"texts", 1009, -1, false, R"(["__debezium_unavailable_value"])"},
                    Toasted{"jsonbs", 3807, -1, false, R"(["__debezium_unavailable_value"])"},
                    Toasted{"byteas", 1001, -1, false, R"(["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="])"},
                    Toasted{"int4s", 1007, -1, false, kBytesOfMarker},
                    Toasted{"dates", 1182, -1, false, kBytesOfMarker},
                    Toasted{"int8s", 1016, -1, false, kBytesOfMarker},
                    Toasted{"uuids", 2951, -1, false, R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])"},
                    Toasted{"numeric", 1700, 655366, false, "null", false},
                    Toasted{"numeric_not_null", 1700, 655366, true, R"("AA==")", false},
                    Toasted{"float8s", 1022, -1, false, "null", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(EncoderRules, UnchangedHstoreIsAPairOfMarkers) {
  TestTable table = skeleton();
  postgres::TypeDescription hstore;
  hstore.oid = 90'000;
  hstore.schema = "public";
  hstore.name = "hstore";
  table.types[90'000] = hstore;
  table.columns[1] = {"v", 90'000, -1, false, {}};
  ChangeBatch changes;
  changes.update(make_relation(table), 0, {}, {text("1"), unchanged()});
  EXPECT_THAT(told(encode(changes)),
              ElementsAre(R"({"id":1} | u - -> {"id":1,"v":"{\"__debezium_unavailable_value\":)"
                          R"(\"__debezium_unavailable_value\"}"})"));
}

TEST(EncoderRules, PlaceholderCanBeWrittenInHex) {
  TestTable table = skeleton();
  table.columns[1] = {"v", 17, -1, false, {}};
  ChangeBatch changes;
  changes.update(make_relation(table), 0, {}, {text("1"), unchanged()});
  debezium::EnvelopeOptions options = plain_options();
  options.unavailable_placeholder = "hex:00ff";
  EXPECT_THAT(told(encode(changes, options)), ElementsAre(R"({"id":1} | u - -> {"id":1,"v":"AP8="})"));
}

// --- values that cannot be shown
// -----------------------------------------------------------------------------

TEST(EncoderRules, UnrepresentableValueIsUnsetCountedAndWarnedOfOncePerColumn) {
  TestTable table = skeleton();
  table.columns = {{"id", 23, -1, true, {}}, {"a", 1700, 655366, false, {}}, {"b", 1700, 655366, true, {}}};
  const RelationPtr relation = make_relation(table);
  ChangeBatch changes;
  changes.insert(relation, {text("1"), text("NaN"), text("1.00")});
  changes.insert(relation, {text("2"), text("NaN"), text("NaN")});
  const auto encoder = make_postgres_debezium_json_encoder(plain_options());
  EXPECT_THAT(told(encode_all(*encoder, changes.batch())),
              ElementsAre(R"({"id":1} | c - -> {"id":1,"a":null,"b":"ZA=="})",
                          R"({"id":2} | c - -> {"id":2,"a":null,"b":"AA=="})"));
  EXPECT_EQ(encoder->counters().unrepresentable_values, 3U);
  for (const std::string& warning : encoder->take_warnings()) {
    EXPECT_NE(warning.find("public.t"), std::string::npos) << warning;
  }
}

TEST(EncoderRules, UnsupportedColumnsAreLeftOut) {
  TestTable table = skeleton();
  table.columns.insert(table.columns.begin() + 1, {"ring", 603, -1, true, {}});  // box
  ChangeBatch changes;
  changes.insert(make_relation(table), {text("1"), text("(1,1),(0,0)"), text("x")});
  EXPECT_THAT(told(encode(changes)), ElementsAre(R"({"id":1} | c - -> {"id":1,"v":"x"})"));
}

TEST(EncoderRules, TableWithoutShownColumnsMakesEmptyImages) {
  TestTable table;
  table.columns = {{"ring", 603, -1, false, {}}};
  ChangeBatch changes;
  const RelationPtr relation = make_relation(table);
  changes.insert(relation, {null()});
  TestTable bare;
  changes.insert(make_relation(bare), {});
  EXPECT_THAT(told(encode(changes)), ElementsAre("- | c - -> {}", "- | c - -> {}"));
}

TEST(EncoderRules, NamesAreEscaped) {
  TestTable table;
  table.schema = "s\"1";
  table.name = "t\\\n\xF0\x9F\x98\x80";
  table.columns = {{"a\"b\\", 23, -1, true, {}}};
  table.primary_key = {"a\"b\\"};
  ChangeBatch changes;
  changes.insert(make_relation(table), {text("1")});
  debezium::EnvelopeOptions options = plain_options();
  options.value_schemas = true;
  const EncodedBatch out = encode(changes, options);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_EQ(out.records[0].topic, "p.s_1.t____");
  EXPECT_EQ(out.records[0].key, R"({"a\"b\\":1})");
  EXPECT_NE(out.records[0].value->find(R"("schema":"s\"1","table":"t\\\n\uD83D\uDE00")"), std::string::npos);
  EXPECT_NE(out.records[0].value->find(R"("optional":false,"field":"a\"b\\"})"), std::string::npos);
}

// --- the source block
// -----------------------------------------------------------------------------

struct SourceCase {
  const char* name;
  std::uint32_t id;
  std::int64_t commit_time_us;
  std::uint64_t previous_commit;
  const char* origin;
  std::uint64_t position;
  std::vector<std::string> parts;
  std::uint64_t origin_position = 77;
};
class SourceBlock : public testing::TestWithParam<SourceCase> {};
TEST_P(SourceBlock, Shows) {
  const SourceCase& c = GetParam();
  TransactionContext context;
  context.id = c.id;
  context.commit_time_us = c.commit_time_us;
  context.previous_commit = c.previous_commit;
  context.origin = c.origin;
  context.origin_position = c.origin_position;
  ChangeBatch changes;
  changes.transaction(context);
  changes.at(c.position);
  changes.insert(make_relation(skeleton()), {text("1"), null()});
  const EncodedBatch out = encode(changes);
  ASSERT_EQ(out.records.size(), 1U);
  for (const std::string& part : c.parts) {
    EXPECT_NE(out.records[0].value->find(part), std::string::npos) << part << "\n" << *out.records[0].value;
  }
}
INSTANTIATE_TEST_SUITE_P(
    Contract, SourceBlock,
    testing::Values(
        SourceCase{"first_commit",
                   7,
                   1,
                   0,
                   "",
                   5,
                   {R"("sequence":"[null,\"5\"]")",
                    R"("txId":7,"lsn":5,"xmin":null,"origin":null,"origin_lsn":null})"}},
        SourceCase{"later_commit",
                   4'294'967'295,
                   1,
                   3,
                   "",
                   5,
                   {R"("sequence":"[\"3\",\"5\"]")", R"("txId":4294967295)"}},
        SourceCase{"origin", 7, 1, 3, "o\"1", 5, {R"("origin":"o\"1","origin_lsn":77})"}},
        SourceCase{"origin_of_a_streamed_transaction",
                   7,
                   1,
                   3,
                   "o",
                   5,
                   {R"("origin":"o","origin_lsn":null})"},
                   kPositionUnknown},
        SourceCase{"beyond_int63", 7, 1, 0, "", 0xFFFF'FFFF'FFFF'FFFE, {R"("lsn":-2,)", R"([null,\"-2\"])"}},
        SourceCase{
            "before_1970", 7, -1, 0, "", 5, {R"("ts_ms":-1,"snapshot")", R"("ts_us":-1,"ts_ns":-1000)"}},
        SourceCase{"unknown_time",
                   7,
                   0,
                   0,
                   "",
                   5,
                   {R"("ts_ms":1700000000123,"snapshot":"false")", R"("ts_us":1700000000123456,"ts_ns")"}},
        SourceCase{"far_future",
                   7,
                   9'223'372'036'854'775'807,
                   0,
                   "",
                   5,
                   {R"("ts_us":9223372036854775807,"ts_ns":9223372036854775807)"}},
        SourceCase{"no_transaction", 0, 1, 0, "", 5, {R"("txId":null)"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(EncoderRules, EachTransactionOfABatchShowsItsOwnSource) {
  const RelationPtr a = make_relation(skeleton());
  TestTable other = skeleton();
  other.name = "u";
  const RelationPtr b = make_relation(other);
  ChangeBatch changes;
  std::vector<std::string> expected;
  for (std::uint32_t id = 1; id <= 6; ++id) {
    TransactionContext context;
    context.id = id;
    context.commit_time_us = 1000 * id;
    changes.transaction(context);
    changes.insert(id % 2 == 0 ? a : b, {text("1"), null()});
    changes.insert(id % 3 == 0 ? a : b, {text("1"), null()});
  }
  const EncodedBatch out = encode(changes);
  ASSERT_EQ(out.records.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    const std::uint32_t id = static_cast<std::uint32_t>(i) / 2 + 1;
    const bool is_a = i % 2 == 0 ? id % 2 == 0 : id % 3 == 0;
    EXPECT_NE(out.records[i].value->find("\"txId\":" + std::to_string(id) + ","), std::string::npos);
    EXPECT_NE(out.records[i].value->find("\"ts_us\":" + std::to_string(1000 * id) + ","), std::string::npos);
    EXPECT_NE(out.records[i].value->find(is_a ? "\"table\":\"t\"" : "\"table\":\"u\""), std::string::npos);
    EXPECT_EQ(out.records[i].topic, is_a ? "p.public.t" : "p.public.u");
  }
}

TEST(EncoderRules, OneEncoderKeepsBatchesApart) {
  const auto encoder = make_postgres_debezium_json_encoder(plain_options());
  for (std::uint32_t id = 1; id <= 3; ++id) {  // each batch numbers transactions and relations from 0
    TestTable table = skeleton();
    table.name = "t" + std::to_string(id);
    TransactionContext context;
    context.id = id;
    ChangeBatch changes;
    changes.transaction(context);
    changes.insert(make_relation(table), {text("1"), null()});
    const EncodedBatch out = encode_all(*encoder, changes.batch(), 1'700'000'000'000'000 + id);
    ASSERT_EQ(out.records.size(), 1U);
    EXPECT_EQ(out.records[0].topic, "p.public." + table.name);
    EXPECT_NE(
        out.records[0].value->find("\"table\":\"" + table.name + "\",\"txId\":" + std::to_string(id) + ","),
        std::string::npos);
    EXPECT_EQ(out.records[0].volatile_part, "\"ts_ms\":1700000000000,\"ts_us\":170000000000000" +
                                                std::to_string(id) + ",\"ts_ns\":170000000000000" +
                                                std::to_string(id) + "000}");
  }
}

// --- logical messages
// -----------------------------------------------------------------------------

TEST(EncoderRules, MessagesAreFilteredByPrefix) {
  Topic topic{"p.message", 7};
  debezium::EnvelopeOptions options = plain_options();
  options.message_topic = &topic;
  options.publishes_message = [](std::string_view prefix) { return prefix == "yes"; };
  ChangeBatch changes;
  changes.message(true, "no", "1");
  changes.message(true, "yes", "2");
  changes.message(true, "", "3");
  const EncodedBatch out = encode(changes, options);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_EQ(out.records[0].key, R"({"prefix":"yes"})");
  EXPECT_EQ(out.records[0].arrival, 101U);
  EXPECT_EQ(out.next, 3U);
  options.message_topic = nullptr;
  EXPECT_THAT(told(encode(changes, options)), IsEmpty());
}

TEST(EncoderRules, MessageOutsideATransactionNamesNone) {
  Topic topic{"p.message", 7};
  debezium::EnvelopeOptions options = plain_options();
  options.message_topic = &topic;
  ChangeBatch changes;
  changes.message(false, "a\"", std::string(3, '\0'));
  const EncodedBatch out = encode(changes, options);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_NE(out.records[0].value->find(R"("txId":null,"lsn":23803720,)"), std::string::npos);
  EXPECT_NE(out.records[0].value->find(R"("message":{"prefix":"a\"","content":"AAAA"})"), std::string::npos);
}

TEST(EncoderRules, MessageSchemas) {
  Topic topic{"p.message", 7};
  debezium::EnvelopeOptions options = plain_options();
  options.message_topic = &topic;
  options.key_schemas = true;
  options.value_schemas = true;
  ChangeBatch changes;
  changes.message(true, "m", "");
  const EncodedBatch out = encode(changes, options);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_EQ(
      out.records[0].key,
      R"({"schema":{"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"}],"optional":false,)"
      R"("name":"io.debezium.connector.postgresql.MessageKey","version":1},"payload":{"prefix":"m"}})");
  EXPECT_NE(
      out.records[0].value->find(
          R"({"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"},)"
          R"({"type":"bytes","optional":true,"field":"content"}],"optional":false,)"
          R"("name":"io.debezium.connector.postgresql.Message","version":1,"field":"message"}],"optional":false,)"
          R"("name":"io.debezium.connector.postgresql.MessageValue","version":1},"payload":{"op":"m","ts_ms":)"),
      std::string::npos)
      << *out.records[0].value;
  EXPECT_TRUE(out.records[0].value->ends_with(R"("message":{"prefix":"m","content":""}}})"));
}

}  // namespace
}  // namespace millrace::test
