// SPDX-License-Identifier: Apache-2.0
// Every type of the contract's tables (2.9 to 2.14) at default options: its schema, a value, its default.
#include <gtest/gtest.h>

#include "unit/pipeline/encoders/encoding.h"

namespace millrace::test {
namespace {

constexpr std::uint32_t kMood = 90'001, kMoods = 90'002, kHstore = 90'003, kHstores = 90'004, kLtree = 90'005,
                        kLtrees = 90'006, kCitext = 90'007, kCitexts = 90'008, kIsbn = 90'009,
                        kMoney2 = 90'010, kPrice = 90'011, kFeeling = 90'012, kPair = 90'013,
                        kPrices = 90'014, kIsbns = 90'015, kBoxes = 90'016;

postgres::TypeDescription described(std::uint32_t oid, const char* name, char kind = 'b',
                                    char category = 'U') {
  postgres::TypeDescription type;
  type.oid = oid;
  type.schema = "public";
  type.name = name;
  type.kind = kind;
  type.category = category;
  return type;
}

postgres::TypeDescription array_type(std::uint32_t oid, const char* name, std::uint32_t element) {
  postgres::TypeDescription type = described(oid, name, 'b', 'A');
  type.element = element;
  return type;
}

postgres::TypeDescription domain(std::uint32_t oid, const char* name, std::uint32_t base,
                                 std::int32_t modifier) {
  postgres::TypeDescription type = described(oid, name, 'd');
  type.base = base;
  type.base_modifier = modifier;
  return type;
}

postgres::TypeDescriptions catalog() {
  postgres::TypeDescriptions types;
  types[kMood] = described(kMood, "mood", 'e', 'E');
  types[kMood].labels = {"sad", "so so", "ok"};
  types[kMoods] = array_type(kMoods, "_mood", kMood);
  types[kHstore] = described(kHstore, "hstore");
  types[kHstores] = array_type(kHstores, "_hstore", kHstore);
  types[kLtree] = described(kLtree, "ltree");
  types[kLtrees] = array_type(kLtrees, "_ltree", kLtree);
  types[kCitext] = described(kCitext, "citext", 'b', 'S');
  types[kCitexts] = array_type(kCitexts, "_citext", kCitext);
  types[kIsbn] = described(kIsbn, "isbn");
  types[kIsbns] = array_type(kIsbns, "_isbn", kIsbn);
  types[kMoney2] = domain(kMoney2, "amount", 1700, 655'366);
  types[kPrice] = domain(kPrice, "price", kMoney2, -1);
  types[kPrices] = array_type(kPrices, "_price", kPrice);
  types[kFeeling] = domain(kFeeling, "feeling", kMood, -1);
  types[kPair] = described(kPair, "pair", 'c', 'C');
  types[kBoxes] = array_type(kBoxes, "_boxes", 603);
  types[kBoxes].delimiter = ';';
  return types;
}

/// The value of a record of a table t(id, v) with schemas; v is of this type.
std::string with_schema(const TestColumn& column, const WireField& value) {
  TestTable table = skeleton();
  table.types = catalog();
  table.columns[1] = column;
  ChangeBatch changes;
  changes.insert(make_relation(table), {text("1"), value});
  debezium::EnvelopeOptions options = plain_options();
  options.value_schemas = true;
  const EncodedBatch out = encode(changes, options);
  return out.status.ok() && out.records.size() == 1 ? *out.records[0].value
                                                    : std::string(out.status.message());
}

struct TypeCase {
  const char* name;
  std::uint32_t type;
  std::int32_t modifier;
  std::string schema;  ///< The node without braces; ~ stands for "optional":true or false.
  const char* text;
  const char* json;
};
class EveryType : public testing::TestWithParam<TypeCase> {};

TEST_P(EveryType, HasTheContractsSchemaAndValue) {
  const TypeCase& c = GetParam();
  for (const bool required : {true, false}) {
    std::string node = c.schema;
    const std::size_t at = node.find('~');
    ASSERT_NE(at, std::string::npos);
    node.replace(at, 1, required ? "\"optional\":false" : "\"optional\":true");
    const std::string value = with_schema({"v", c.type, c.modifier, required, {}}, text(c.text));
    EXPECT_NE(value.find(",{" + node + ",\"field\":\"v\"}],\"optional\":true,\"name\":\"p.public.t.Value\""),
              std::string::npos)
        << node << "\n"
        << value;
    EXPECT_NE(value.find(std::string("\"after\":{\"id\":1,\"v\":") + c.json + "},\"source\""),
              std::string::npos)
        << value;
  }
}

/// A logical type's node. `tail` is what follows its version.
std::string logical(const std::string& type, const std::string& name, const std::string& tail = {}) {
  return "\"type\":\"" + type + "\",~,\"name\":\"" + name + "\",\"version\":1" + tail;
}

/// An array's node around its element's.
std::string array(const std::string& element) { return "\"type\":\"array\",\"items\":{" + element + "},~"; }

/// The same with a logical type as optional element.
std::string array_of(const std::string& type, const std::string& name, const std::string& tail = {}) {
  std::string element = logical(type, name, tail);
  return array(element.replace(element.find('~'), 1, "\"optional\":true"));
}

const std::string kString = R"("type":"string",~)";
const std::string kStrings = array(R"("type":"string","optional":true)");

INSTANTIATE_TEST_SUITE_P(
    Simple, EveryType,
    testing::Values(
        TypeCase{"boolean", 16, -1, R"("type":"boolean",~)", "t", "true"},
        TypeCase{"bit1", 1560, 1, R"("type":"boolean",~)", "1", "true"},
        TypeCase{"varbit1", 1562, 1, R"("type":"boolean",~)", "0", "false"},
        TypeCase{"bit8", 1560, 8,
                 logical("bytes", "io.debezium.data.Bits", R"(,"parameters":{"length":"8"})"), "00000011",
                 "\"Aw==\""},
        TypeCase{"varbit20", 1562, 20,
                 logical("bytes", "io.debezium.data.Bits", R"(,"parameters":{"length":"20"})"), "0000",
                 "\"\""},
        TypeCase{"varbit", 1562, -1,
                 logical("bytes", "io.debezium.data.Bits", R"(,"parameters":{"length":"2147483647"})"),
                 "100000001", "\"AQE=\""},
        TypeCase{"smallint", 21, -1, R"("type":"int16",~)", "-32768", "-32768"},
        TypeCase{"integer", 23, -1, R"("type":"int32",~)", "2147483647", "2147483647"},
        TypeCase{"bigint", 20, -1, R"("type":"int64",~)", "-9223372036854775808", "-9223372036854775808"},
        TypeCase{"oid", 26, -1, R"("type":"int64",~)", "4294967295", "4294967295"},
        TypeCase{"real", 700, -1, R"("type":"float",~)", "1e-05", "1.0E-5"},
        TypeCase{"double", 701, -1, R"("type":"double",~)", "-Infinity", "\"-Infinity\""},
        TypeCase{"text", 25, -1, kString, "x\"", "\"x\\\"\""},
        TypeCase{"varchar", 1043, 24, kString, "x", "\"x\""},
        TypeCase{"bpchar", 1042, 9, kString, "ab   ", "\"ab   \""},
        TypeCase{"name", 19, -1, kString, "n", "\"n\""}, TypeCase{"char", 18, -1, kString, "c", "\"c\""},
        TypeCase{"citext", kCitext, -1, kString, "X", "\"X\""},
        TypeCase{"isbn", kIsbn, -1, kString, "978-0-393-04002-9", "\"978-0-393-04002-9\""},
        TypeCase{"inet", 869, -1, kString, "10.0.0.1/8", "\"10.0.0.1/8\""},
        TypeCase{"cidr", 650, -1, kString, "10.0.0.0/8", "\"10.0.0.0/8\""},
        TypeCase{"macaddr", 829, -1, kString, "08:00:2b:01:02:03", "\"08:00:2b:01:02:03\""},
        TypeCase{"macaddr8", 774, -1, kString, "08:00:2b:01:02:03:04:05", "\"08:00:2b:01:02:03:04:05\""},
        TypeCase{"int4range", 3904, -1, kString, "[1,5)", "\"[1,5)\""},
        TypeCase{"int8range", 3926, -1, kString, "empty", "\"empty\""},
        TypeCase{"numrange", 3906, -1, kString, "(1.0,2.0]", "\"(1.0,2.0]\""},
        TypeCase{"tsrange", 3908, -1, kString, R"x(["2019-03-31 15:30:00",))x",
                 R"x("[\"2019-03-31 15:30:00\",)")x"},
        TypeCase{"tstzrange", 3910, -1, kString, R"x(["2019-03-31 15:30:00+00",))x",
                 R"x("[\"2019-03-31 15:30:00+00\",)")x"},
        TypeCase{"daterange", 3912, -1, kString, "[2019-03-31,)", "\"[2019-03-31,)\""},
        TypeCase{"uuid", 2950, -1, logical("string", "io.debezium.data.Uuid"),
                 "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
        TypeCase{"json", 114, -1, logical("string", "io.debezium.data.Json"), "{\"a\" :1}",
                 R"("{\"a\" :1}")"},
        TypeCase{"jsonb", 3802, -1, logical("string", "io.debezium.data.Json"), "{\"a\": 1}",
                 R"("{\"a\": 1}")"},
        TypeCase{"xml", 142, -1, logical("string", "io.debezium.data.Xml"), "<a/>", "\"<a/>\""},
        TypeCase{"tsvector", 3614, -1, logical("string", "io.debezium.data.Tsvector"), "'a':1A",
                 "\"'a':1A\""},
        TypeCase{"ltree", kLtree, -1, logical("string", "io.debezium.data.Ltree"), "a.b", "\"a.b\""},
        TypeCase{"enumeration", kMood, -1,
                 logical("string", "io.debezium.data.Enum", R"(,"parameters":{"allowed":"sad,so so,ok"})"),
                 "so so", "\"so so\""},
        TypeCase{"bytea", 17, -1, R"("type":"bytes",~)", "\\xdeadbe", "\"3q2+\""},
        TypeCase{"hstore", kHstore, -1, logical("string", "io.debezium.data.Json"), "\"a\"=>NULL",
                 R"("{\"a\":null}")"},
        TypeCase{
            "point", 600, -1,
            R"("type":"struct","fields":[{"type":"double","optional":false,"field":"x"},)"
            R"({"type":"double","optional":false,"field":"y"},{"type":"bytes","optional":true,"field":"wkb"},)"
            R"({"type":"int32","optional":true,"field":"srid"}],~,"name":"io.debezium.data.geometry.Point",)"
            R"x("version":1,"doc":"Geometry (POINT)")x",
            "(1,2)", R"({"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null})"}),
    [](const auto& row) { return std::string(row.param.name); });

const std::string kDecimal10_2 = logical("bytes", "org.apache.kafka.connect.data.Decimal",
                                         R"(,"parameters":{"scale":"2","connect.decimal.precision":"10"})");
INSTANTIATE_TEST_SUITE_P(
    Numeric, EveryType,
    testing::Values(
        TypeCase{"numeric_10_2", 1700, 655'366, kDecimal10_2, "-1.28", "\"gA==\""},
        TypeCase{"numeric_5", 1700, 327'684,
                 logical("bytes", "org.apache.kafka.connect.data.Decimal",
                         R"(,"parameters":{"scale":"0","connect.decimal.precision":"5"})"),
                 "128", "\"AIA=\""},
        TypeCase{"negative_scale", 1700, 133'121,
                 logical("bytes", "org.apache.kafka.connect.data.Decimal",
                         R"(,"parameters":{"scale":"-3","connect.decimal.precision":"2"})"),
                 "-3000", "\"/Q==\""},
        TypeCase{"numeric", 1700, -1,
                 R"("type":"struct","fields":[{"type":"int32","optional":false,"field":"scale"},)"
                 R"({"type":"bytes","optional":false,"field":"value"}],~,)"
                 R"("name":"io.debezium.data.VariableScaleDecimal","version":1,)"
                 R"("doc":"Variable scaled decimal")",
                 "10.500", R"({"scale":1,"value":"aQ=="})"},
        TypeCase{"money", 790, -1,
                 logical("bytes", "org.apache.kafka.connect.data.Decimal", R"(,"parameters":{"scale":"2"})"),
                 "$1,234.56", "\"AeJA\""},
        TypeCase{"domain", kMoney2, -1, kDecimal10_2, "1.00", "\"ZA==\""},
        TypeCase{"domain_over_domain", kPrice, -1, kDecimal10_2, "1.00", "\"ZA==\""},
        TypeCase{"domain_over_enum", kFeeling, -1,
                 logical("string", "io.debezium.data.Enum", R"(,"parameters":{"allowed":"sad,so so,ok"})"),
                 "ok", "\"ok\""}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Temporal, EveryType,
    testing::Values(
        TypeCase{"date", 1082, -1, logical("int32", "io.debezium.time.Date"), "2018-06-20", "17702"},
        TypeCase{"date_infinity", 1082, -1, logical("int32", "io.debezium.time.Date"), "infinity",
                 "-2147472692"},
        TypeCase{"time_0", 1083, 0, logical("int32", "io.debezium.time.Time"), "00:00:01", "1000"},
        TypeCase{"time_3", 1083, 3, logical("int32", "io.debezium.time.Time"), "24:00:00", "86400000"},
        TypeCase{"time_4", 1083, 4, logical("int64", "io.debezium.time.MicroTime"), "00:00:00.0001", "100"},
        TypeCase{"time", 1083, -1, logical("int64", "io.debezium.time.MicroTime"), "24:00:00", "86400000000"},
        TypeCase{"timestamp_3", 1114, 3, logical("int64", "io.debezium.time.Timestamp"),
                 "2018-06-20 15:13:16.945", "1529507596945"},
        TypeCase{"timestamp_3_infinity", 1114, 3, logical("int64", "io.debezium.time.Timestamp"), "infinity",
                 "9223372036825200"},
        TypeCase{"timestamp", 1114, -1, logical("int64", "io.debezium.time.MicroTimestamp"),
                 "2018-06-20 15:13:16.945104", "1529507596945104"},
        TypeCase{"timestamp_infinity", 1114, 6, logical("int64", "io.debezium.time.MicroTimestamp"),
                 "-infinity", "-9223372036832400000"},
        TypeCase{"timestamptz", 1184, -1, logical("string", "io.debezium.time.ZonedTimestamp"),
                 "2019-03-31 15:30:00+00", "\"2019-03-31T15:30:00.000000Z\""},
        TypeCase{"timestamptz_0", 1184, 0, logical("string", "io.debezium.time.ZonedTimestamp"),
                 "2019-03-31 15:30:00+00", "\"2019-03-31T15:30:00Z\""},
        TypeCase{"timestamptz_3", 1184, 3, logical("string", "io.debezium.time.ZonedTimestamp"),
                 "2019-03-31 15:30:00.5+02", "\"2019-03-31T13:30:00.500Z\""},
        TypeCase{"timestamptz_infinity", 1184, -1, logical("string", "io.debezium.time.ZonedTimestamp"),
                 "-infinity", "\"-infinity\""},
        TypeCase{"timetz", 1266, -1, logical("string", "io.debezium.time.ZonedTime"), "14:00:00.25+02",
                 "\"12:00:00.25Z\""},
        // (12 + 2) months of 30.4375 days and 3 days, 4 hours, 5 minutes and 6.78 seconds
        TypeCase{"interval", 1186, -1, logical("int64", "io.debezium.time.MicroDuration"),
                 "1 year 2 mons 3 days 04:05:06.78", "37091106780000"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Arrays, EveryType,
    testing::Values(
        TypeCase{"int2s", 1005, -1, array(R"("type":"int16","optional":true)"), "{1,NULL}", "[1,null]"},
        TypeCase{"int4s", 1007, -1, array(R"("type":"int32","optional":true)"), "{}", "[]"},
        TypeCase{"int8s", 1016, -1, array(R"("type":"int64","optional":true)"), "{1}", "[1]"},
        TypeCase{"oids", 1028, -1, array(R"("type":"int64","optional":true)"), "{1}", "[1]"},
        TypeCase{"float4s", 1021, -1, array(R"("type":"float","optional":true)"), "{1}", "[1.0]"},
        TypeCase{"float8s", 1022, -1, array(R"("type":"double","optional":true)"), "{NaN}", "[\"NaN\"]"},
        TypeCase{"bools", 1000, -1, array(R"("type":"boolean","optional":true)"), "{t}", "[true]"},
        TypeCase{"texts", 1009, -1, kStrings, "{a,\"b c\",NULL}", R"(["a","b c",null])"},
        TypeCase{"varchars", 1015, 24, kStrings, "{a}", "[\"a\"]"},
        TypeCase{"bpchars", 1014, 5, kStrings, "{\"a \"}", "[\"a \"]"},
        TypeCase{"chars", 1002, -1, kStrings, "{a}", "[\"a\"]"},
        TypeCase{"citexts", kCitexts, -1, kStrings, "{a}", "[\"a\"]"},
        TypeCase{"inets", 1041, -1, kStrings, "{::1}", "[\"::1\"]"},
        TypeCase{"cidrs", 651, -1, kStrings, "{::/0}", "[\"::/0\"]"},
        TypeCase{"macaddrs", 1040, -1, kStrings, "{08:00:2b:01:02:03}", "[\"08:00:2b:01:02:03\"]"},
        TypeCase{"macaddr8s", 775, -1, kStrings, "{08:00:2b:01:02:03:04:05}",
                 "[\"08:00:2b:01:02:03:04:05\"]"},
        TypeCase{"int4ranges", 3905, -1, kStrings, "{\"[1,5)\"}", "[\"[1,5)\"]"},
        TypeCase{"int8ranges", 3927, -1, kStrings, "{empty}", "[\"empty\"]"},
        TypeCase{"numranges", 3907, -1, kStrings, "{\"(,)\"}", "[\"(,)\"]"},
        TypeCase{"tsranges", 3909, -1, kStrings, "{\"(,)\"}", "[\"(,)\"]"},
        TypeCase{"tstzranges", 3911, -1, kStrings, "{\"(,)\"}", "[\"(,)\"]"},
        TypeCase{"dateranges", 3913, -1, kStrings, "{\"(,)\"}", "[\"(,)\"]"},
        TypeCase{"numerics_10_2", 1231, 655'366,
                 array_of("bytes", "org.apache.kafka.connect.data.Decimal",
                          R"(,"parameters":{"scale":"2","connect.decimal.precision":"10"})"),
                 "{1.00,NULL}", R"(["ZA==",null])"},
        TypeCase{"numerics", 1231, -1,
                 array(R"("type":"struct","fields":[{"type":"int32","optional":false,"field":"scale"},)"
                       R"({"type":"bytes","optional":false,"field":"value"}],"optional":true,)"
                       R"("name":"io.debezium.data.VariableScaleDecimal","version":1,)"
                       R"("doc":"Variable scaled decimal")"),
                 "{1.5}", R"([{"scale":1,"value":"Dw=="}])"},
        TypeCase{"dates", 1182, -1, array_of("int32", "io.debezium.time.Date"), "{1970-01-02}", "[1]"},
        TypeCase{"times_3", 1183, 3, array_of("int32", "io.debezium.time.Time"), "{00:00:01}", "[1000]"},
        TypeCase{"times", 1183, -1, array_of("int64", "io.debezium.time.MicroTime"), "{00:00:01}",
                 "[1000000]"},
        TypeCase{"timestamps_3", 1115, 3, array_of("int64", "io.debezium.time.Timestamp"),
                 "{\"1970-01-01 00:00:01\"}", "[1000]"},
        TypeCase{"timestamps", 1115, -1, array_of("int64", "io.debezium.time.MicroTimestamp"),
                 "{\"1970-01-01 00:00:01\",infinity}", "[1000000,9223372036825200000]"},
        TypeCase{"timetzs", 1270, -1, array_of("string", "io.debezium.time.ZonedTime"), "{14:00:00+00}",
                 "[\"14:00:00Z\"]"},
        TypeCase{"timestamptzs", 1185, 3, array_of("string", "io.debezium.time.ZonedTimestamp"),
                 "{\"2019-03-31 15:30:00+00\"}", "[\"2019-03-31T15:30:00.000Z\"]"},
        TypeCase{"uuids", 2951, -1, array_of("string", "io.debezium.data.Uuid"),
                 "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "[\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"]"},
        TypeCase{"jsons", 199, -1, array_of("string", "io.debezium.data.Json"), "{1}", "[\"1\"]"},
        TypeCase{"jsonbs", 3807, -1, array_of("string", "io.debezium.data.Json"), "{\"{\\\"a\\\": 1}\"}",
                 R"(["{\"a\": 1}"])"},
        TypeCase{"ltrees", kLtrees, -1, array_of("string", "io.debezium.data.Ltree"), "{a.b}", "[\"a.b\"]"},
        TypeCase{"byteas", 1001, -1, array(R"("type":"bytes","optional":true)"), R"({"\\xde"})",
                 "[\"3g==\"]"},
        TypeCase{"hstores", kHstores, -1, array_of("string", "io.debezium.data.Json"), R"({"\"a\"=>\"b\""})",
                 R"(["{\"a\":\"b\"}"])"},
        // The contract's quirks: these elements are required.
        TypeCase{"enumerations", kMoods, -1,
                 array(R"("type":"string","optional":false,"name":"io.debezium.data.Enum","version":1,)"
                       R"("parameters":{"allowed":"sad,so so,ok"})"),
                 "{sad,\"so so\"}", R"(["sad","so so"])"},
        TypeCase{"tsvectors", 3643, -1,
                 array(R"("type":"string","optional":false,"name":"io.debezium.data.Tsvector","version":1)"),
                 "{'a'}", "[\"'a'\"]"},
        TypeCase{"isbns", kIsbns, -1, array(R"("type":"string","optional":false)"), "{978-0-393-04002-9}",
                 "[\"978-0-393-04002-9\"]"}),
    [](const auto& row) { return std::string(row.param.name); });

class UnsupportedType : public testing::TestWithParam<std::pair<const char*, std::uint32_t>> {};
TEST_P(UnsupportedType, LeavesTheColumnOut) {
  const std::string value = with_schema({"v", GetParam().second, -1, true, {}}, text("whatever"));
  EXPECT_EQ(value.find("\"field\":\"v\""), std::string::npos) << value;
  EXPECT_NE(value.find("\"after\":{\"id\":1},"), std::string::npos) << value;
  EXPECT_FALSE(postgres::map_type(GetParam().second, -1, catalog(), {}));
}
using Unsupported = std::pair<const char*, std::uint32_t>;
INSTANTIATE_TEST_SUITE_P(Contract, UnsupportedType,
                         testing::Values(Unsupported{"box", 603}, Unsupported{"circle", 718},
                                         Unsupported{"line", 628}, Unsupported{"lseg", 601},
                                         Unsupported{"path", 602}, Unsupported{"polygon", 604},
                                         Unsupported{"int4multirange", 4451}, Unsupported{"composite", kPair},
                                         Unsupported{"xid", 28}, Unsupported{"xid8", 5069},
                                         Unsupported{"pg_lsn", 3220}, Unsupported{"tsquery", 3615},
                                         Unsupported{"txid_snapshot", 2970}, Unsupported{"regclass", 2205},
                                         Unsupported{"pg_snapshot", 5038}, Unsupported{"bits", 1561},
                                         Unsupported{"moneys", 791}, Unsupported{"names", 1003},
                                         Unsupported{"intervals", 1187}, Unsupported{"varbits", 1563},
                                         Unsupported{"xmls", 143}, Unsupported{"points", 1017},
                                         Unsupported{"refcursors", 2201}, Unsupported{"domains", kPrices},
                                         Unsupported{"boxes", kBoxes}, Unsupported{"not_described", 99'999}),
                         [](const auto& row) { return std::string(row.param.first); });

TEST(TypeMap, ADomainThatIsItsOwnBaseEnds) {
  postgres::TypeDescriptions types;
  types[7] = domain(7, "ouroboros", 8, -1);
  types[8] = domain(8, "ouroboros", 7, -1);
  EXPECT_FALSE(postgres::map_type(7, -1, types, {}));
}

// --- defaults (contract 2.9)
// -----------------------------------------------------------------------------

struct DefaultCase {
  const char* name;
  std::uint32_t type;
  std::int32_t modifier;
  const char* expression;
  const char* json;  ///< nullptr: no default.
};
class ColumnDefault : public testing::TestWithParam<DefaultCase> {};
TEST_P(ColumnDefault, IsInTheSchemaAndShownForNull) {
  const DefaultCase& c = GetParam();
  const std::string value = with_schema({"v", c.type, c.modifier, false, c.expression}, null());
  const std::string node = c.json == nullptr ? std::string("\"field\":\"v\"}")
                                             : std::string("\"default\":") + c.json + ",\"field\":\"v\"}";
  EXPECT_NE(value.find(node + "],\"optional\":true,\"name\":\"p.public.t.Value\""), std::string::npos)
      << value;
  EXPECT_EQ(value.find("\"default\":", value.find("p.public.t.Value")) < value.find("\"field\":\"after\""),
            c.json != nullptr)
      << value;
  const std::string shown = c.json == nullptr ? "null" : c.json;
  EXPECT_NE(value.find("\"after\":{\"id\":1,\"v\":" + shown + "},"), std::string::npos) << value;
}
INSTANTIATE_TEST_SUITE_P(
    Contract, ColumnDefault,
    testing::Values(
        DefaultCase{"number", 23, -1, "5", "5"}, DefaultCase{"negative", 23, -1, "'-5'::integer", "-5"},
        DefaultCase{"serial", 23, -1, "nextval('t_id_seq'::regclass)", "0"},
        DefaultCase{"serial8", 20, -1, "nextval('t_id_seq'::regclass)", "0"},
        DefaultCase{"too_large", 21, -1, "40000", nullptr},
        DefaultCase{"expression", 23, -1, "(1 + 2)", nullptr},
        DefaultCase{"null_int", 23, -1, "NULL::integer", nullptr},
        DefaultCase{"null_numeric", 1700, 655'366, "NULL::numeric", nullptr},
        DefaultCase{"numeric", 1700, 655'366, "1.5", "\"AJY=\""},
        DefaultCase{"numeric_call", 1700, 655'366, "random()", "\"AA==\""},
        DefaultCase{"variable_numeric", 1700, -1, "1.5", nullptr},
        DefaultCase{"float", 701, -1, "'1.5'::double precision", "1.5"},
        DefaultCase{"float_call", 700, -1, "random()", "0.0"}, DefaultCase{"bool", 16, -1, "true", "true"},
        DefaultCase{"bool_call", 16, -1, "f()", "false"}, DefaultCase{"text", 25, -1, "'x'::text", "\"x\""},
        DefaultCase{"empty_text", 25, -1, "''::text", "\"\""},
        DefaultCase{"doubled_quote_cuts", 25, -1, "'it''s'::text", "\"it\""},
        DefaultCase{"line_end_is_none", 25, -1, "'a\nb'::text", nullptr},
        DefaultCase{"text_call", 25, -1, "upper('x'::text)", "\"\""},
        DefaultCase{"user", 1043, 24, "CURRENT_USER", "\"CURRENT_USER\""},
        DefaultCase{"schema_call", 25, -1, "public.f()", "\"\""},
        DefaultCase{"parenthesised_call", 25, -1, "(f(1))::text", "\"\""},
        DefaultCase{"bpchar", 1042, 7, "'ab'::bpchar", "\"ab\""},
        DefaultCase{"xml", 142, -1, "'<a/>'::xml", "\"<a/>\""},
        DefaultCase{"json", 114, -1, "'{\"a\": 1}'::json", R"("{\"a\": 1}")"},
        DefaultCase{"jsonb_call", 3802, -1, "f()", "\"{}\""},
        DefaultCase{"uuid", 2950, -1, "gen_random_uuid()", "\"00000000-0000-0000-0000-000000000000\""},
        DefaultCase{"uuid_literal", 2950, -1, "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
                    "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
        DefaultCase{"date", 1082, -1, "'2018-06-20'::date", "17702"},
        DefaultCase{"date_now", 1082, -1, "CURRENT_DATE", "0"},
        DefaultCase{"time", 1083, -1, "'00:00:01'::time without time zone", "1000000"},
        DefaultCase{"time_now", 1083, 3, "LOCALTIME", "0"},
        DefaultCase{"timestamp", 1114, 3, "'1970-01-01 00:00:01'::timestamp without time zone", "1000"},
        DefaultCase{"timestamp_now", 1114, -1, "now()", "0"},
        DefaultCase{"timestamptz_now", 1184, -1, "CURRENT_TIMESTAMP", "\"1970-01-01T00:00:00.000000Z\""},
        DefaultCase{"timestamptz_0", 1184, 0, "now()", "\"1970-01-01T00:00:00Z\""},
        DefaultCase{"interval", 1186, -1, "'00:00:01'::interval", "1000000"},
        DefaultCase{"interval_call", 1186, -1, "f()", "0"},
        DefaultCase{"bit1", 1560, 1, "'1'::\"bit\"", "true"},
        DefaultCase{"bit8", 1560, 8, "'00000011'::\"bit\"", "\"Aw==\""},
        DefaultCase{"bit_call", 1560, 8, "f()", "\"\""},
        DefaultCase{"varbit", 1562, 9, "'101'::\"bit\"", "\"BQ==\""},
        DefaultCase{"enumeration", kMood, -1, "'so so'::mood", "\"so so\""},
        DefaultCase{"enumeration_qualified", kMood, -1, "'ok'::public.mood", "\"ok\""},
        DefaultCase{"enumeration_other_cast", kMood, -1, "'ok'::humour", nullptr},
        DefaultCase{"enumeration_call", kMood, -1, "f()", nullptr},
        DefaultCase{"bytea", 17, -1, "'\\x00'::bytea", nullptr}, DefaultCase{"money", 790, -1, "1", nullptr},
        DefaultCase{"citext", kCitext, -1, "'x'::citext", nullptr},
        DefaultCase{"inet", 869, -1, "'::1'::inet", nullptr},
        DefaultCase{"array", 1007, -1, "'{1}'::integer[]", nullptr},
        DefaultCase{"domain", kPrice, -1, "1", nullptr},
        DefaultCase{"range", 3904, -1, "'[1,2)'::int4range", nullptr},
        DefaultCase{"timetz", 1266, -1, "'00:00:00+00'::time with time zone", nullptr},
        DefaultCase{"hstore", kHstore, -1, "''::hstore", nullptr}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ColumnDefaults, StandInKeySchemasToo) {
  TestTable table = skeleton();
  table.columns[0].default_expression = "nextval('t_id_seq'::regclass)";
  ChangeBatch changes;
  changes.insert(make_relation(table), {text("1"), null()});
  debezium::EnvelopeOptions options = plain_options();
  options.key_schemas = true;
  EXPECT_EQ(
      encode(changes, options).records[0].key,
      R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"default":0,"field":"id"}],)"
      R"("optional":false,"name":"p.public.t.Key"},"payload":{"id":1}})");
}

}  // namespace
}  // namespace millrace::test
