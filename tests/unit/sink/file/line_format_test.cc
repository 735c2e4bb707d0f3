// SPDX-License-Identifier: Apache-2.0
// Records as lines, and whether a line is the record that comes again.
#include "sink/file/line_format.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "unit/sink/file/pieces.h"

namespace millrace::test {
namespace {

/// Texts of a record; the volatile part is what stands between < and >.
struct Texts {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<std::string> header;
  bool new_key = false;
  bool context = true;
  std::uint32_t hash = 0;
};

class OwningRecord {
 public:
  explicit OwningRecord(Texts texts) : texts_(std::move(texts)) {
    record.topic = &test_topic();
    if (texts_.key) {
      record.key = bytes_of(*texts_.key);
      record.key_size = static_cast<std::uint32_t>(texts_.key->size());
    }
    if (texts_.value) {
      const std::size_t begin = texts_.value->find('<');
      if (begin != std::string::npos) {
        const std::size_t end = texts_.value->find('>');
        texts_.value->erase(end, 1);
        texts_.value->erase(begin, 1);
        record.volatile_at = static_cast<std::uint32_t>(begin);
        record.volatile_size = static_cast<std::uint32_t>(end - begin - 1);
      }
      record.value = bytes_of(*texts_.value);
      record.value_size = static_cast<std::uint32_t>(texts_.value->size());
    }
    if (texts_.header) {
      record.own_header = bytes_of(*texts_.header);
      record.own_header_size = static_cast<std::uint32_t>(texts_.header->size());
    }
    record.own_header_is_new_key = texts_.new_key;
    record.context_headers = texts_.context;
    record.partition_hash = texts_.hash;
  }
  OwningRecord(const OwningRecord&) = delete;
  OwningRecord& operator=(const OwningRecord&) = delete;
  Record record;

 private:
  Texts texts_;
};

const std::vector<LineFormat::Header> kContext = {{"name", "p\""}, {"run", "0123"}};
const std::vector<LineFormat::Header> kNextRun = {{"name", "p\""}, {"run", "abcd"}};

std::string line_of(const Texts& texts, const std::vector<LineFormat::Header>& context = kContext,
                    std::uint32_t partitions = 3) {
  std::string out;
  const OwningRecord record(texts);
  LineFormat(context, partitions).append_line(out, record.record);
  return out;
}

struct Shown {
  const char* name;
  Texts texts;
  const char* line;
};
class Line : public testing::TestWithParam<Shown> {};
TEST_P(Line, Shows) { EXPECT_EQ(line_of(GetParam().texts), GetParam().line); }
INSTANTIATE_TEST_SUITE_P(
    Table, Line,
    testing::Values(
        Shown{"record",
              {"{\"id\":1}", "{\"a\":1}", {}, false, true, 7},
              "{\"topic\":\"p.public.t\",\"partition\":1,\"key\":{\"id\":1},\"value\":{\"a\":1},"
              "\"headers\":{\"name\":\"p\\\"\",\"run\":\"0123\"}}\n"},
        Shown{"tombstone_with_new_key",
              {"{\"id\":1}", {}, "{\"id\":\"\\\"2\"}", true, true, 0},
              "{\"topic\":\"p.public.t\",\"partition\":0,\"key\":{\"id\":1},\"value\":null,"
              "\"headers\":{\"__debezium.newkey\":\"{\\\"id\\\":\\\"\\\\\\\"2\\\"}\",\"name\":\"p\\\"\","
              "\"run\":\"0123\"}}\n"},
        Shown{
            "old_key",
            {"{}", "{}", "{\"id\":1}", false, true, 0},
            "{\"topic\":\"p.public.t\",\"partition\":0,\"key\":{},\"value\":{},"
            "\"headers\":{\"__debezium.oldkey\":\"{\\\"id\\\":1}\",\"name\":\"p\\\"\",\"run\":\"0123\"}}\n"},
        Shown{"old_key_alone",
              {"{}", "{}", "x", false, false, 0},
              "{\"topic\":\"p.public.t\",\"partition\":0,\"key\":{},\"value\":{},\"headers\":{\"__debezium."
              "oldkey\":\"x\"}}\n"},
        Shown{"no_headers",
              {{}, "{}", {}, false, false, 0},
              "{\"topic\":\"p.public.t\",\"partition\":0,\"key\":null,\"value\":{}}\n"},
        Shown{"both_null",
              {{}, {}, {}, false, false, 0x7FFFFFFF},
              "{\"topic\":\"p.public.t\",\"partition\":1,\"key\":null,\"value\":null}\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(LineFormat, ContextHeadersMayBeNone) {
  EXPECT_EQ(line_of({{}, "{}", {}, false, true, 0}, {}, 1),
            "{\"topic\":\"p.public.t\",\"partition\":0,\"key\":null,\"value\":{}}\n");
}

struct Pair {
  const char* name;
  Texts before;
  Texts after;
  bool same;
};
class LineComparison : public testing::TestWithParam<Pair> {};
TEST_P(LineComparison, IgnoresOnlyTimeAndRun) {
  const std::string line = line_of(GetParam().before);
  const OwningRecord again(GetParam().after);
  std::string scratch;
  EXPECT_EQ(LineFormat(kNextRun, 3).same(line, again.record, scratch), GetParam().same) << line << scratch;
}
Texts row(const char* key, const char* value) { return {key, value, {}, false, true, 0}; }
INSTANTIATE_TEST_SUITE_P(
    Table, LineComparison,
    testing::Values(
        Pair{"the_same", row("{}", "{\"a\":1,<\"t\":1>}"), row("{}", "{\"a\":1,<\"t\":1>}"), true},
        Pair{"another_time", row("{}", "{\"a\":1,<\"t\":1>}"), row("{}", "{\"a\":1,<\"t\":2>}"), true},
        Pair{"a_longer_time", row("{}", "{\"a\":1,<\"t\":9>}"), row("{}", "{\"a\":1,<\"t\":10>}"), true},
        Pair{"a_shorter_time", row("{}", "{\"a\":1,<\"t\":10>}"), row("{}", "{\"a\":1,<\"t\":9>}"), true},
        Pair{"time_at_the_end", row("{}", "{\"a\":1,<\"t\":9}>"), row("{}", "{\"a\":1,<\"t\":10}>"), true},
        Pair{"time_in_front", row("{}", "{<\"t\":9,>\"a\":1}"), row("{}", "{<\"t\":10,>\"a\":1}"), true},
        Pair{"key_column_named_value", row("{\"a\":1,\"value\":2}", "{\"a\":1,<\"t\":1>}"),
             row("{\"a\":1,\"value\":2}", "{\"a\":1,<\"t\":20>}"), true},
        Pair{"numeric_key", row("{\"n\":{\"scale\":0,\"value\":\"AQ==\"}}", "{\"a\":1,<\"t\":1>}"),
             row("{\"n\":{\"scale\":0,\"value\":\"AQ==\"}}", "{\"a\":1,<\"t\":20>}"), true},
        Pair{"another_value", row("{}", "{\"a\":1,<\"t\":1>}"), row("{}", "{\"a\":2,<\"t\":1>}"), false},
        Pair{"another_value_behind_the_time", row("{}", "{<\"t\":1>,\"a\":1}"),
             row("{}", "{<\"t\":1>,\"a\":2}"), false},
        Pair{"another_key", row("{\"k\":1}", "{<\"t\":1>}"), row("{\"k\":2}", "{<\"t\":1>}"), false},
        Pair{"another_partition", {"{}", "{}", {}, false, true, 1}, {"{}", "{}", {}, false, true, 2}, false},
        Pair{"tombstone", {"{}", {}, {}, false, true, 0}, {"{}", {}, {}, false, true, 0}, true},
        Pair{"tombstone_of_another_key",
             {"{\"k\":1}", {}, {}, false, true, 0},
             {"{\"k\":2}", {}, {}, false, true, 0},
             false},
        Pair{"value_became_a_tombstone", row("{}", "{<\"t\":1>}"), {"{}", {}, {}, false, true, 0}, false},
        Pair{"tombstone_became_a_value", {"{}", {}, {}, false, true, 0}, row("{}", "{<\"t\":1>}"), false},
        Pair{"without_time", row("{}", "{\"a\":1}"), row("{}", "{\"a\":1}"), true},
        Pair{"without_time_longer", row("{}", "{\"a\":1}"), row("{}", "{\"a\":12}"), false},
        Pair{"another_header", {"{}", "{}", "1", false, true, 0}, {"{}", "{}", "2", false, true, 0}, false},
        Pair{"header_lost",
             {"{}", "{<\"t\":1>}", "1", false, true, 0},
             {"{}", "{<\"t\":1>}", {}, false, true, 0},
             false},
        Pair{"without_context_headers",
             {"{}", "{<\"t\":1>}", {}, false, false, 0},
             {"{}", "{<\"t\":22>}", {}, false, false, 0},
             true},
        Pair{"context_headers_switched_on",
             {"{}", "{<\"t\":1>}", {}, false, false, 0},
             {"{}", "{<\"t\":1>}", {}, false, true, 0},
             false}),
    [](const auto& row_) { return std::string(row_.param.name); });

TEST(LineFormat, AnyOtherTextIsAnotherLine) {
  const Texts texts = row("{\"id\":1}", "{\"a\":1,<\"t\":1>}");
  const std::string line = line_of(texts);
  const OwningRecord record(texts);
  const LineFormat format(kContext, 3);
  std::string scratch;
  ASSERT_TRUE(format.same(line, record.record, scratch));
  for (std::size_t size = 0; size < line.size(); ++size) {
    EXPECT_FALSE(format.same(std::string_view(line).substr(0, size), record.record, scratch)) << size;
  }
  EXPECT_FALSE(format.same("\n", record.record, scratch));
  EXPECT_FALSE(format.same(line + "x\n", record.record, scratch));
}

using Likeness = LineFormat::Likeness;
struct Change {
  const char* name;
  const char* line;
  const char* again;
  Likeness likeness;
  bool after_other_key = false;
};
class ChangeComparison : public testing::TestWithParam<Change> {};
TEST_P(ChangeComparison, GoesByTopicPlaceOperationAndKeyOrRows) {
  const Change& change = GetParam();
  EXPECT_EQ(LineFormat::compare_changes(change.line, change.again, change.after_other_key), change.likeness);
}
#define ROW(topic, key, after, place, op)                                                                \
  "{\"topic\":\"" topic "\",\"partition\":0,\"key\":" key ",\"value\":{\"before\":null,\"after\":" after \
  ",\"source\":{\"version\":\"1\",\"table\":\"t\"," place                                                \
  ",\"xmin\":null},\"transaction\":null,\"op\":\"" op "\",\"ts_ms\":1}}\n"
#define TOMBSTONE(topic, key) "{\"topic\":\"" topic "\",\"partition\":0,\"key\":" key ",\"value\":null}\n"
#define PLACE "\"txId\":7,\"lsn\":90"
INSTANTIATE_TEST_SUITE_P(
    Table, ChangeComparison,
    testing::Values(
        Change{"other_row_text", ROW("t", "{}", "{\"v\":null}", PLACE, "c"),
               ROW("t", "{}", "{\"v\":5}", PLACE, "c"), Likeness::kSame},
        Change{"other_key_columns", ROW("t", "{\"a\":1}", "{\"a\":1}", PLACE, "c"),
               ROW("t", "null", "{\"a\":1}", PLACE, "c"), Likeness::kSameWithOtherKey},
        // COPY writes many rows with one record of the log: all have its place.
        Change{"another_row_of_the_same_place", ROW("t", "{\"a\":1}", "{\"a\":1}", PLACE, "c"),
               ROW("t", "{\"a\":2}", "{\"a\":2}", PLACE, "c"), Likeness::kOther},
        Change{"other_key_columns_and_rows", ROW("t", "{\"a\":1}", "{\"a\":1}", PLACE, "c"),
               ROW("t", "null", "{\"a\":2}", PLACE, "c"), Likeness::kOther},
        Change{"key_columns_named_value", ROW("t", "{\"a\":1,\"value\":2}", "{}", PLACE, "c"),
               ROW("t", "{\"a\":1,\"value\":3}", "{\"a\":1}", PLACE, "c"), Likeness::kOther},
        Change{"other_topic", ROW("t", "{}", "{}", PLACE, "c"), ROW("u", "{}", "{}", PLACE, "c"),
               Likeness::kOther},
        Change{"other_place", ROW("t", "{}", "{}", PLACE, "c"),
               ROW("t", "{}", "{}", "\"txId\":7,\"lsn\":91", "c"), Likeness::kOther},
        Change{"other_transaction", ROW("t", "{}", "{}", PLACE, "c"),
               ROW("t", "{}", "{}", "\"txId\":8,\"lsn\":90", "c"), Likeness::kOther},
        Change{"other_operation", ROW("t", "{}", "{}", PLACE, "d"), ROW("t", "{}", "{}", PLACE, "c"),
               Likeness::kOther},
        Change{"columns_of_these_names", ROW("t", "{}", "{\"x\":0,\"txId\":1,\"op\":\"u\"}", PLACE, "c"),
               ROW("t", "{}", "{\"x\":0,\"txId\":2,\"op\":\"d\"}", PLACE, "c"), Likeness::kSame},
        Change{"tombstones", TOMBSTONE("t", "{\"a\":1}"), TOMBSTONE("t", "{\"a\":1}"), Likeness::kSame},
        Change{"tombstones_of_other_rows", TOMBSTONE("t", "{\"a\":1}"), TOMBSTONE("t", "{\"a\":2}"),
               Likeness::kOther},
        Change{"tombstone_behind_its_delete_with_another_key", TOMBSTONE("t", "{\"a\":1}"),
               TOMBSTONE("t", "{\"b\":2}"), Likeness::kSameWithOtherKey, true},
        Change{"tombstones_of_other_topics", TOMBSTONE("t", "{}"), TOMBSTONE("u", "{}"), Likeness::kOther,
               true},
        Change{"tombstone_and_row", TOMBSTONE("t", "{}"), ROW("t", "{}", "{}", PLACE, "d"), Likeness::kOther},
        Change{"no_events", "{\"topic\":\"t\",\"partition\":0}\n", "{\"topic\":\"t\",\"partition\":0}\n",
               Likeness::kOther}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::test
