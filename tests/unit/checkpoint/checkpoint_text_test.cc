// SPDX-License-Identifier: Apache-2.0
// Checkpoints as text: readable, complete, and any damage is seen.
#include "checkpoint/checkpoint_text.h"

#include <absl/strings/str_format.h>
#include <gmock/gmock.h>
#include <xxhash.h>

#include <limits>
#include <string>

#include "base/reason_code.h"

namespace millrace {
namespace {

using testing::HasSubstr;

Checkpoint sample() {
  Checkpoint checkpoint;
  checkpoint.generation = 42;
  checkpoint.pipeline = "orders";
  checkpoint.source_identity = R"({"system_identifier":"7","slot":"s"})";
  checkpoint.position.text = R"({"lsn":"0/16B3748"})";
  checkpoint.phase = "streaming";
  checkpoint.sink_state = R"({"path":"/a\"b","sequence":1,"offset":9223372036854775807})";
  checkpoint.options_hash = 0xFEDC'BA98'7654'3210;
  checkpoint.relations = R"([{"oid":16384}])";
  return checkpoint;
}

void expect_equal(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_EQ(a.format_version, b.format_version);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.pipeline, b.pipeline);
  EXPECT_EQ(a.source_identity, b.source_identity);
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.phase, b.phase);
  EXPECT_EQ(a.sink_state, b.sink_state);
  EXPECT_EQ(a.options_hash, b.options_hash);
  EXPECT_EQ(a.relations, b.relations);
}

std::string with_checksum(const std::string& body) {
  return absl::StrFormat("%s\nxxh3 %016x\n", body, XXH3_64bits(body.data(), body.size()));
}

TEST(CheckpointText, IsReadableByPeople) {
  EXPECT_THAT(to_text(sample()),
              testing::StartsWith("{\n"
                                  "  \"format_version\": 1,\n"
                                  "  \"generation\": 42,\n"
                                  "  \"pipeline\": \"orders\",\n"
                                  "  \"phase\": \"streaming\",\n"
                                  "  \"position\": {\"lsn\":\"0/16B3748\"},\n"
                                  "  \"source\": {\"system_identifier\":\"7\",\"slot\":\"s\"},\n"));
  EXPECT_THAT(to_text(sample()), HasSubstr("\n}\nxxh3 "));
}

TEST(CheckpointText, ComesBackTheSame) {
  Checkpoint empty;
  empty.generation = std::numeric_limits<std::uint64_t>::max();
  Checkpoint plain = sample();
  plain.position.text = "24bd0e2c-0000-11ee-9a3e-0242ac110002:1-5";  // not JSON
  plain.relations = "two\nlines\nxxh3 0123456789abcdef\n";           // nor a checksum
  plain.sink_state = "[]";
  Checkpoint large = sample();
  large.relations = "[\"" + std::string(1'000'000, 'x') + "\"]";
  for (const Checkpoint& checkpoint : {sample(), empty, plain, large}) {
    const auto read = parse_checkpoint(to_text(checkpoint));
    ASSERT_TRUE(read.ok()) << read.status();
    expect_equal(*read, checkpoint);
  }
}

TEST(CheckpointText, CutAnywhereIsDamaged) {
  const std::string text = to_text(sample());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto read = parse_checkpoint(text.substr(0, size));
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_EQ(reason_of(read.status()), ReasonCode::kCheckpointCorrupt) << size;
  }
}

TEST(CheckpointText, AnyChangedByteIsDamage) {
  const std::string text = to_text(sample());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int bit : {0, 5}) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      EXPECT_FALSE(parse_checkpoint(changed).ok()) << "byte " << i << " bit " << bit;
    }
  }
  EXPECT_FALSE(parse_checkpoint(text + "\n").ok());
  EXPECT_FALSE(parse_checkpoint(" " + text).ok());
}

struct Wrong {
  const char* name;
  std::string text;
  ReasonCode reason;
  const char* says;
};
class WrongCheckpoint : public testing::TestWithParam<Wrong> {};
TEST_P(WrongCheckpoint, SaysWhatIsWrong) {
  const auto read = parse_checkpoint(GetParam().text);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(reason_of(read.status()), GetParam().reason);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(GetParam().says));
}
Checkpoint of_version(std::uint32_t version) {
  Checkpoint checkpoint = sample();
  checkpoint.format_version = version;
  return checkpoint;
}
INSTANTIATE_TEST_SUITE_P(
    Table, WrongCheckpoint,
    testing::Values(
        Wrong{"empty", "", ReasonCode::kCheckpointCorrupt, "it has no checksum"},
        Wrong{"something_else", "hello\n", ReasonCode::kCheckpointCorrupt, "it has no checksum"},
        Wrong{"newer_version", to_text(of_version(2)), ReasonCode::kCheckpointMismatch,
              "the checkpoint has format 2, this version of millrace reads 1"},
        Wrong{"version_0", to_text(of_version(0)), ReasonCode::kCheckpointMismatch, "has format 0"},
        Wrong{"no_json", with_checksum("{"), ReasonCode::kCheckpointCorrupt, "no JSON object"},
        Wrong{"no_object", with_checksum("[]"), ReasonCode::kCheckpointCorrupt, "no JSON object"},
        Wrong{"no_version", with_checksum("{}"), ReasonCode::kCheckpointCorrupt, "no format_version"},
        Wrong{"version_of_text", with_checksum(R"({"format_version":"1"})"), ReasonCode::kCheckpointCorrupt,
              "no format_version"},
        Wrong{"fields_missing", with_checksum(R"({"format_version":1})"), ReasonCode::kCheckpointCorrupt,
              "a field is missing"},
        Wrong{"negative_generation",
              with_checksum(
                  R"({"format_version":1,"generation":-1,"pipeline":"","phase":"","options_hash":""})"),
              ReasonCode::kCheckpointCorrupt, "a field is missing or of another type"},
        Wrong{"too_large", std::string(kCheckpointBytesMax + 1, ' '), ReasonCode::kCheckpointCorrupt,
              "larger than any checkpoint"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace
