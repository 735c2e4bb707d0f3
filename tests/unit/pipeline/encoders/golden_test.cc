// SPDX-License-Identifier: Apache-2.0
// Whole messages, byte by byte, against debezium-contract 1.6 to 1.11 and 2.2.
#include <gtest/gtest.h>

#include <string>

#include "unit/pipeline/encoders/encoding.h"

namespace millrace {
namespace {

using namespace test;  // NOLINT: the harness reads as verbs

constexpr char kSource[] =
    R"("source":{"version":"3.6.1.Final","connector":"postgresql","name":"p","ts_ms":1600000000654,)"
    R"("snapshot":"false","db":"db","sequence":"[\"24023119\",\"23803720\"]","ts_us":1600000000654321,)"
    R"("ts_ns":1600000000654321000,"schema":"public","table":"t","txId":555,"lsn":23803720,"xmin":null,)"
    R"("origin":null,"origin_lsn":null},"transaction":null)";
constexpr char kClock[] = R"("ts_ms":1700000000123,"ts_us":1700000000123456,"ts_ns":1700000000123456000)";

std::string envelope(const std::string& before, const std::string& after, const std::string& op) {
  return "{\"before\":" + before + ",\"after\":" + after + "," + kSource + ",\"op\":\"" + op + "\"," +
         kClock + "}";
}

constexpr char kKeySchema[] =
    R"({"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,)"
    R"("name":"p.public.t.Key"})";

std::string row_schema(const std::string& field) {
  return R"({"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},)"
         R"({"type":"string","optional":true,"field":"v"}],"optional":true,"name":"p.public.t.Value","field":")" +
         field + "\"}";
}

constexpr char kSourceSchema[] =
    R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},)"
    R"({"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},)"
    R"({"type":"int64","optional":false,"field":"ts_ms"},)"
    R"({"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":)"
    R"("true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false",)"
    R"("field":"snapshot"},{"type":"string","optional":false,"field":"db"},)"
    R"({"type":"string","optional":true,"field":"sequence"},{"type":"int64","optional":true,"field":"ts_us"},)"
    R"({"type":"int64","optional":true,"field":"ts_ns"},{"type":"string","optional":false,"field":"schema"},)"
    R"({"type":"string","optional":false,"field":"table"},{"type":"int64","optional":true,"field":"txId"},)"
    R"({"type":"int64","optional":true,"field":"lsn"},{"type":"int64","optional":true,"field":"xmin"},)"
    R"({"type":"string","optional":true,"field":"origin"},{"type":"int64","optional":true,"field":"origin_lsn"}],)"
    R"("optional":false,"name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"})";
constexpr char kTransactionSchema[] =
    R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},)"
    R"({"type":"int64","optional":false,"field":"total_order"},)"
    R"({"type":"int64","optional":false,"field":"data_collection_order"}],"optional":true,"name":"event.block",)"
    R"("version":1,"field":"transaction"})";

class EveryInstructionSet : public testing::TestWithParam<format::Isa> {
 protected:
  void SetUp() override {
    if (GetParam() == format::Isa::kAvx2 && format::best_isa() != format::Isa::kAvx2)
      GTEST_SKIP() << "no AVX2 here";
  }
  EncodedBatch encode(const debezium::EnvelopeOptions& options) {
    return encode_all(*make_postgres_debezium_json_encoder(options, GetParam()), changes_.batch());
  }
  ChangeBatch changes_;
};

TEST_P(EveryInstructionSet, InsertWithoutSchemas) {
  changes_.insert(make_relation(skeleton()), {text("1"), text("x\"\n\x01\xC3\xA9\xF0\x9F\x98\x80/")});
  const EncodedBatch out = encode(plain_options());
  ASSERT_TRUE(out.status.ok()) << out.status;
  ASSERT_EQ(out.records.size(), 1U);
  const EncodedRecord& record = out.records[0];
  EXPECT_EQ(record.topic, "p.public.t");
  EXPECT_EQ(record.key, "{\"id\":1}");
  EXPECT_EQ(record.value,
            envelope("null", "{\"id\":1,\"v\":\"x\\\"\\n\\u0001\xC3\xA9\\uD83D\\uDE00/\"}", "c"));
  EXPECT_EQ(record.volatile_part, std::string(kClock) + "}");
  EXPECT_TRUE(record.context_headers);
  EXPECT_EQ(record.arrival, 100U);
  EXPECT_FALSE(record.header);
}

TEST_P(EveryInstructionSet, InsertWithSchemas) {
  debezium::EnvelopeOptions options = plain_options();
  options.key_schemas = true;
  options.value_schemas = true;
  changes_.insert(make_relation(skeleton()), {text("1"), text("x")});
  const EncodedBatch out = encode(options);
  ASSERT_EQ(out.records.size(), 1U) << out.status;
  EXPECT_EQ(out.records[0].key, std::string("{\"schema\":") + kKeySchema + ",\"payload\":{\"id\":1}}");
  EXPECT_EQ(
      out.records[0].value,
      std::string(R"({"schema":{"type":"struct","fields":[)") + row_schema("before") + "," +
          row_schema("after") + "," + kSourceSchema + "," + kTransactionSchema +
          R"(,{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},)"
          R"({"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"}],)"
          R"("optional":false,"name":"p.public.t.Envelope","version":2},"payload":)" +
          envelope("null", R"({"id":1,"v":"x"})", "c") + "}");
}

TEST_P(EveryInstructionSet, KeyAndValueSchemasAreChosenSeparately) {
  const RelationPtr table = make_relation(skeleton());
  changes_.insert(table, {text("1"), text("x")});
  debezium::EnvelopeOptions options = plain_options();
  options.key_schemas = true;
  const EncodedBatch out = encode(options);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_TRUE(out.records[0].key->starts_with("{\"schema\":"));
  EXPECT_TRUE(out.records[0].value->starts_with("{\"before\":"));
}

TEST_P(EveryInstructionSet, UpdateAndDelete) {
  const RelationPtr table = make_relation(skeleton());
  changes_.update(table, 0, {}, {text("1"), null()});
  changes_.remove(table, 'K', {text("1"), null()});
  const EncodedBatch out = encode(plain_options());
  ASSERT_EQ(out.records.size(), 3U) << out.status;
  EXPECT_EQ(out.records[0].value, envelope("null", R"({"id":1,"v":null})", "u"));
  EXPECT_EQ(out.records[1].value, envelope(R"({"id":1,"v":null})", "null", "d"));
  EXPECT_EQ(out.records[1].key, R"({"id":1})");
  EXPECT_EQ(out.records[2].key, R"({"id":1})");
  EXPECT_FALSE(out.records[2].value) << "a tombstone";
  EXPECT_EQ(out.records[2].partition_hash, out.records[1].partition_hash);
}

TEST_P(EveryInstructionSet, KeyChangeIsDeleteTombstoneCreate) {
  const RelationPtr table = make_relation(skeleton());
  changes_.update(table, 'K', {text("1"), null()}, {text("2"), text("x")});
  const EncodedBatch out = encode(plain_options());
  ASSERT_EQ(out.records.size(), 3U) << out.status;
  EXPECT_EQ(out.records[0].key, R"({"id":1})");
  EXPECT_EQ(out.records[0].value, envelope(R"({"id":1,"v":null})", "null", "d"));
  EXPECT_EQ(out.records[0].header, R"({"id":2})");
  EXPECT_TRUE(out.records[0].header_is_new_key);
  EXPECT_EQ(out.records[1].key, R"({"id":1})");
  EXPECT_FALSE(out.records[1].value);
  EXPECT_EQ(out.records[1].header, R"({"id":2})");
  EXPECT_EQ(out.records[2].key, R"({"id":2})");
  EXPECT_EQ(out.records[2].value, envelope("null", R"({"id":2,"v":"x"})", "c"));
  EXPECT_EQ(out.records[2].header, R"({"id":1})");
  EXPECT_FALSE(out.records[2].header_is_new_key);
}

TEST_P(EveryInstructionSet, TruncateWhenNotSkipped) {
  const RelationPtr table = make_relation(skeleton());
  changes_.truncate(table);
  EXPECT_TRUE(encode(plain_options()).records.empty()) << "skipped by default";
  debezium::EnvelopeOptions options = plain_options();
  options.skipped.truncate = false;
  const EncodedBatch out = encode(options);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_FALSE(out.records[0].key);
  EXPECT_EQ(out.records[0].value, envelope("null", "null", "t"));
}

TEST_P(EveryInstructionSet, LogicalMessage) {
  Topic topic{"p.message", 7};
  debezium::EnvelopeOptions options = plain_options();
  options.message_topic = &topic;
  changes_.message(true, "mark", "hello");
  const EncodedBatch out = encode(options);
  ASSERT_EQ(out.records.size(), 1U) << out.status;
  const EncodedRecord& record = out.records[0];
  EXPECT_EQ(record.topic, "p.message");
  EXPECT_EQ(record.key, R"({"prefix":"mark"})");
  std::string source = kSource;
  source.replace(source.find("\"public\""), 8, "\"\"");
  source.replace(source.find("\"table\":\"t\""), 11, "\"table\":\"\"");
  EXPECT_EQ(record.value, R"({"op":"m","ts_ms":1700000000123,)" + source +
                              R"(,"message":{"prefix":"mark","content":"aGVsbG8="}})");
  EXPECT_EQ(record.volatile_part, R"("ts_ms":1700000000123)");
  EXPECT_FALSE(record.context_headers);
}

TEST_P(EveryInstructionSet, SnapshotRows) {
  const RelationPtr table = make_relation(skeleton());
  TransactionContext context;
  context.id = 9;
  context.commit_time_us = 1'600'000'000'654'321;
  changes_.transaction(context);
  changes_.marker(SnapshotMarker::kFirst);
  changes_.read(table, {text("1"), text("x")});
  changes_.marker(SnapshotMarker::kTrue);
  changes_.read(table, {text("2"), text("y")});
  changes_.marker(SnapshotMarker::kLast);
  changes_.read(table, {text("3"), text("z")});
  const EncodedBatch out = encode(plain_options());
  ASSERT_EQ(out.records.size(), 3U) << out.status;
  const char* const markers[] = {"first", "true", "last"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NE(out.records[i].value->find(std::string("\"snapshot\":\"") + markers[i] + "\",\"db\""),
              std::string::npos)
        << *out.records[i].value;
    EXPECT_NE(out.records[i].value->find(R"("sequence":"[null,\"23803720\"]")"), std::string::npos);
    EXPECT_NE(out.records[i].value->find(R"("op":"r")"), std::string::npos);
    EXPECT_NE(out.records[i].value->find(R"("txId":9,)"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Json, EveryInstructionSet,
                         testing::Values(format::Isa::kScalar, format::Isa::kSse2, format::Isa::kAvx2),
                         [](const auto& row) { return std::string(to_string(row.param)); });

}  // namespace
}  // namespace millrace
