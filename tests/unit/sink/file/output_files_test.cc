// SPDX-License-Identifier: Apache-2.0
// Names and numbers of output files, and what stands behind a place.
#include "sink/file/output_files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/reason_code.h"
#include "support/temporary_folder.h"

namespace millrace::test {
namespace {

/// Lines behind a place, with the place behind each.
std::vector<std::string> tail_of(const std::string& path, OutputPlace from) {
  OutputTail tail;
  tail.start(path, from);
  std::vector<std::string> out;
  for (;;) {
    const auto line = tail.next_line();
    if (!line.ok()) return {std::string(line.status().message())};
    if (!*line) return out;
    out.push_back(std::string((**line).substr(0, (**line).size() - 1)) + " " +
                  std::to_string(tail.place().sequence) + ":" + std::to_string(tail.place().offset));
  }
}

TEST(OutputFiles, SequenceFollowsTheHighestRotatedOne) {
  const TemporaryFolder folder;
  const std::string path = folder / "events.jsonl";
  EXPECT_EQ(*current_sequence(path), 1U);
  write_whole(path + ".000001", "");
  write_whole(path + ".000007", "");
  EXPECT_EQ(*current_sequence(path), 8U);
  write_whole(path + ".1000000", "");
  EXPECT_EQ(*current_sequence(path), 1'000'001U) << "a seventh digit is taken when six are used up";
  for (const char* foreign : {"events.jsonl.99", "events.jsonl.00000x", "events.jsonl.000099.gz",
                              "other.jsonl.000900", "events.jsonl000901", "xevents.jsonl.000902"}) {
    write_whole(folder / foreign, "");
  }
  EXPECT_EQ(*current_sequence(path), 1'000'001U) << "files of others do not count";
  EXPECT_EQ(*current_sequence(folder / "missing/events.jsonl"), 1U);
}

TEST(OutputFiles, AreFoundRotatedOrNot) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  write_whole(path + ".000001", "");
  write_whole(path, "");
  EXPECT_EQ(*find_file(path, 1), path + ".000001");
  EXPECT_EQ(*find_file(path, 2), path);
  EXPECT_EQ(*find_file(path, 3), path) << "number 2 was rotated and moved away";
  write_whole(path + ".000003", "");
  EXPECT_TRUE(absl::IsNotFound(find_file(path, 2).status()));
}

TEST(OutputTail, ReadsThroughRotatedFilesToTheLastWholeLine) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  write_whole(path + ".000001", "a\nbb\n");
  write_whole(path + ".000002", "");
  write_whole(path + ".000003", "c\n");
  write_whole(path, "d\nhalf");
  EXPECT_EQ(tail_of(path, {1, 0}), (std::vector<std::string>{"a 1:2", "bb 1:5", "c 3:2", "d 4:2"}));
  EXPECT_EQ(tail_of(path, {1, 2}), (std::vector<std::string>{"bb 1:5", "c 3:2", "d 4:2"}));
  EXPECT_EQ(tail_of(path, {1, 5}), (std::vector<std::string>{"c 3:2", "d 4:2"}));
  EXPECT_EQ(tail_of(path, {4, 2}), (std::vector<std::string>{}));
}

TEST(OutputTail, EndsWhereTheFileBeingWrittenIsMissing) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  write_whole(path + ".000001", "a\n");  // killed between the rename and the new file
  EXPECT_EQ(tail_of(path, {1, 0}), (std::vector<std::string>{"a 1:2"}));
  EXPECT_EQ(tail_of(folder / "never", {1, 0}), (std::vector<std::string>{}));
}

TEST(OutputTail, LinesMayBeLongerThanItsBlocks) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  const std::string line(3'000'000, 'x');
  write_whole(path, "a\n" + line + "\nb\n");
  const std::vector<std::string> tail = tail_of(path, {1, 0});
  ASSERT_EQ(tail.size(), 3U);
  EXPECT_EQ(tail[1], line + " 1:3000003");
  EXPECT_EQ(tail[2], "b 1:3000005");
}

struct Torn {
  const char* name;
  std::string before;
  std::string after;
};
class TornLine : public testing::TestWithParam<Torn> {};
TEST_P(TornLine, IsCut) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  write_whole(path, GetParam().before);
  EXPECT_EQ(*cut_torn_line(path), GetParam().after.size());
  EXPECT_EQ(read_whole(path), GetParam().after);
}
INSTANTIATE_TEST_SUITE_P(
    Table, TornLine,
    testing::Values(Torn{"empty", "", ""}, Torn{"whole", "a\nb\n", "a\nb\n"}, Torn{"half", "a\nb", "a\n"},
                    Torn{"only_half", "abc", ""}, Torn{"one_line_feed", "\n", "\n"},
                    Torn{"half_longer_than_a_block", "a\n" + std::string(200'000, 'x'), "a\n"},
                    Torn{"feed_right_before_a_block", "a\n" + std::string(65'536, 'x'), "a\n"},
                    Torn{"nothing_but_a_long_half", std::string(200'000, 'x'), ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TornLines, NoFileIsNoLine) {
  const TemporaryFolder folder;
  EXPECT_EQ(*cut_torn_line(folder / "never"), 0U);
}

TEST(DiscardBehind, MakesThePlacesFileTheOneBeingWritten) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  write_whole(path + ".000001", "a\n");
  write_whole(path + ".000002", "b\nc\n");
  write_whole(path + ".000003", "d\n");
  write_whole(path, "e\n");
  ASSERT_TRUE(discard_behind(path, {2, 2}).ok());
  EXPECT_EQ(read_whole(path), "b\n");
  EXPECT_EQ(read_whole(path + ".000001"), "a\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".000002"));
  EXPECT_FALSE(std::filesystem::exists(path + ".000003"));
  EXPECT_EQ(*current_sequence(path), 2U);
}

TEST(DiscardBehind, InTheFileBeingWrittenOnlyCuts) {
  const TemporaryFolder folder;
  const std::string path = folder / "e";
  write_whole(path + ".000001", "a\n");
  write_whole(path, "b\nc\n");
  ASSERT_TRUE(discard_behind(path, {2, 2}).ok());
  EXPECT_EQ(read_whole(path), "b\n");
  ASSERT_TRUE(discard_behind(folder / "never", {1, 0}).ok());
  EXPECT_EQ(reason_of(discard_behind(folder / "never", {1, 5})), ReasonCode::kSinkWriteFailed);
}

}  // namespace
}  // namespace millrace::test
