// SPDX-License-Identifier: Apache-2.0
// Whatever the chunks' size, the same records come out, and nothing is written outside; what cannot be
// encoded names its place and leaves nothing behind.
#include <gmock/gmock.h>

#include "unit/pipeline/encoders/encoding.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;

/// A bit of everything: values that grow, key changes with headers, tombstones, messages, large fields.
ChangeBatch varied() {
  TestTable table = skeleton();
  table.columns.push_back({"b", 17, -1, false, {}});
  table.columns.push_back({"h", 1009, -1, false, {}});
  table.identity = 'f';
  const RelationPtr relation = make_relation(table);
  ChangeBatch changes;
  for (std::size_t i = 0; i < 40; ++i) {
    changes.at(1'000'000 + i);
    const Tuple row = {text(std::to_string(i)), text(std::string(i * i, i % 2 == 0 ? '\x01' : 'x')),
                       text("\\x" + std::string(2 * i, 'f')), text("{a,\"" + std::string(i, 'b') + "\"}")};
    const Tuple next = {text(std::to_string(i + 1)), null(), unchanged(), text("{}")};
    changes.insert(relation, row);
    changes.update(relation, 'O', row, next);
    changes.remove(relation, 'O', row);
    changes.truncate(relation);
    changes.message(i % 2 == 0, "prefix", std::string(i * 3, 'm'));
  }
  return changes;
}

class ChunkSize : public testing::TestWithParam<std::size_t> {};
TEST_P(ChunkSize, DoesNotChangeTheRecords) {
  const ChangeBatch changes = varied();
  Topic topic{"p.message", 7};
  debezium::EnvelopeOptions options = plain_options();
  options.message_topic = &topic;
  options.skipped.truncate = false;
  options.key_schemas = true;
  const auto encoder = make_postgres_debezium_json_encoder(options);
  const EncodedBatch whole = encode_all(*encoder, changes.batch());
  ASSERT_TRUE(whole.status.ok()) << whole.status;
  const EncodedBatch out = encode_all(*encoder, changes.batch(), 1'700'000'000'123'456, GetParam());
  ASSERT_TRUE(out.status.ok()) << out.status;
  EXPECT_EQ(out.changes, 200U);
  ASSERT_EQ(out.records.size(), whole.records.size());
  for (std::size_t i = 0; i < out.records.size(); ++i) {
    EXPECT_EQ(out.records[i].key, whole.records[i].key) << i;
    EXPECT_EQ(out.records[i].value, whole.records[i].value) << i;
    EXPECT_EQ(out.records[i].header, whole.records[i].header) << i;
    EXPECT_EQ(out.records[i].arrival, whole.records[i].arrival) << i;
    EXPECT_EQ(out.records[i].volatile_part, whole.records[i].volatile_part) << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, ChunkSize,
                         testing::Values(1, 64, 700, 1500, 2048, 4096, 5000, 10'000, 65'536));

TEST(EncoderRoom, AnAskedChunkIsEnoughAndNotFarTooMuch) {
  // 1 MB of control characters becomes 6 MB; 1 MB of plain text stays 1 MB.
  for (const auto& [fill, most] : {std::pair{'\x01', 6.1}, std::pair{'x', 1.1}}) {
    ChangeBatch changes;
    changes.insert(make_relation(skeleton()), {text("1"), text(std::string(1'000'000, fill))});
    const auto encoder = make_postgres_debezium_json_encoder(plain_options());
    const EncodedBatch out = encode_all(*encoder, changes.batch(), 1, 1024);
    ASSERT_TRUE(out.status.ok()) << out.status;
    ASSERT_EQ(out.records.size(), 1U);
    EXPECT_EQ(out.pieces, 2U) << "asked once";
    EXPECT_LE(out.largest_asked, static_cast<std::size_t>(most * 1'000'000))
        << "fill " << static_cast<int>(fill);
  }
}

struct Bad {
  const char* name;
  Tuple row;
  const char* says;
};
class BadRow : public testing::TestWithParam<Bad> {};
TEST_P(BadRow, IsNamedByTableColumnPositionAndByte) {
  const RelationPtr relation = make_relation(skeleton());
  ChangeBatch changes;
  changes.insert(relation, {text("1"), text("x")});
  changes.insert(relation, GetParam().row);
  changes.insert(relation, {text("3"), text("z")});
  const EncodedBatch out = encode(changes);
  EXPECT_EQ(out.records.size(), 1U) << "what precedes the failure is kept, of the failed row nothing";
  EXPECT_EQ(out.next, 1U) << "names the change that failed";
  EXPECT_THAT(std::string(out.status.message()), HasSubstr(GetParam().says));
  EXPECT_THAT(std::string(out.status.message()), HasSubstr("public.t"));
  EXPECT_THAT(std::string(out.status.message()), HasSubstr("0/16B3748"));
}
// Offsets count from the type byte: 'I', oid 4, 'N', count 2, then 't' and length before the first value: 13.
INSTANTIATE_TEST_SUITE_P(
    Table, BadRow,
    testing::Values(Bad{"no_number", {text("x"), null()}, "column \"id\" at 0/16B3748, byte 13: "},
                    Bad{"bad_utf8", {text("1"), text("ab\xFF")}, "column \"v\" at 0/16B3748, byte 21: "},
                    Bad{"too_few_fields", {text("1")}, "byte 6: "},
                    Bad{"too_many_fields", {text("1"), null(), null()}, "byte 6: "},
                    Bad{"int_too_short", {binary("\x01"), null()}, "column \"id\" at 0/16B3748, byte 13: "}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(EncoderRoom, ARowCutAnywhereFails) {
  const RelationPtr relation = make_relation(skeleton());
  ChangeBatch whole;
  whole.update(relation, 'K', {text("1"), null()}, {text("2"), text("xyz")});
  const Change& change = whole.batch().changes[0];
  for (std::uint32_t size = 0; size < change.size; ++size) {
    ChangeBatch cut;
    cut.raw(ChangeKind::kUpdate, relation, std::string(reinterpret_cast<const char*>(change.body), size));
    const EncodedBatch out = encode(cut);
    EXPECT_FALSE(out.status.ok()) << size;
    EXPECT_TRUE(out.records.empty()) << size;
  }
}

TEST(EncoderRoom, AMessageWithABadPrefixFails) {
  Topic topic{"p.message", 7};
  debezium::EnvelopeOptions options = plain_options();
  options.message_topic = &topic;
  ChangeBatch changes;
  changes.message(true, "a\xC3", "x");
  const EncodedBatch out = encode(changes, options);
  EXPECT_THAT(std::string(out.status.message()), HasSubstr("logical message at 0/16B3748"));
  EXPECT_TRUE(out.records.empty());
}

TEST(EncoderRoom, TheWidestTableWithTheLongestNames) {
  TestTable table;
  table.schema = std::string(60, 's') + "\".\"";
  table.name = std::string(59, 't') + "\xF0\x9F\x98\x80";
  Tuple first;
  Tuple second;
  std::string wanted;
  for (std::size_t i = 0; i < 1600; ++i) {  // PostgreSQL's MaxHeapAttributeNumber; names of 63 bytes
    std::string name = std::to_string(i) + "\"";
    name.resize(63, 'c');
    table.columns.push_back({name, 25, -1, i == 0, {}});
    first.push_back(text("\x01" + std::to_string(i)));
    second.push_back(i == 0 ? text("k") : i % 2 == 0 ? unchanged() : null());
    name.insert(name.find('"'), "\\");
    wanted += (i == 0 ? "{\"" : ",\"") + name + "\":" +
              (i == 0       ? "\"k\""
               : i % 2 == 0 ? "\"\\u0001" + std::to_string(i) + "\""
                            : "null");
  }
  table.primary_key = {table.columns[0].name};
  table.identity = 'f';
  ChangeBatch changes;
  changes.update(make_relation(table), 'O', first, second);
  debezium::EnvelopeOptions options = plain_options();
  options.value_schemas = true;
  options.key_schemas = true;
  const auto encoder = make_postgres_debezium_json_encoder(options);
  const EncodedBatch out = encode_all(*encoder, changes.batch(), 1, 4096);
  ASSERT_TRUE(out.status.ok()) << out.status;
  ASSERT_EQ(out.records.size(), 3U) << "the key has changed";
  EXPECT_NE(out.records[2].value->find("\"after\":" + wanted + "},\"source\""), std::string::npos);
}

TEST(EncoderRoom, UncapturedRelationsPass) {
  Relation hidden = *make_relation(skeleton());
  hidden.captured = false;
  hidden.topic = nullptr;
  ChangeBatch changes;
  changes.insert(std::make_shared<const Relation>(hidden), {text("1"), text("x")});
  changes.insert(make_relation(skeleton()), {text("2"), text("y")});
  const EncodedBatch out = encode(changes);
  ASSERT_EQ(out.records.size(), 1U) << out.status;
  EXPECT_EQ(out.records[0].arrival, 101U);
}

}  // namespace
}  // namespace millrace::test
