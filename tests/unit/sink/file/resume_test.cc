// SPDX-License-Identifier: Apache-2.0
// The promise after a crash: the file goes on behind its last whole line, nothing lost, nothing twice,
// wherever it was torn.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/reason_code.h"
#include "sink/file/file_sink.h"
#include "support/held_reactor.h"
#include "support/temporary_folder.h"
#include "unit/sink/file/pieces.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;

class FileRun {
 public:
  FileRun(const TemporaryFolder& folder, std::uint64_t rotate_bytes, const char* run_id,
          FileSinkOptions::Fsync fsync = FileSinkOptions::Fsync::kNever) {
    FileSinkOptions options;
    options.path = folder / "events.jsonl";
    options.rotate_bytes = rotate_bytes;
    options.fsync = fsync;
    options.context_headers = {{"run", run_id}};
    sink = make_file_sink(options, reactor);
  }
  /// Records first to last in pieces of three, each with a mark; the state behind each piece.
  std::vector<std::string> write(std::uint64_t first, std::uint64_t last, std::int64_t ts_ms) {
    std::vector<std::string> states;
    for (std::uint64_t n = first; n <= last; n += 3) {
      NumberedPiece piece(n, std::min(n + 2, last), ts_ms);
      sink->submit(&piece.piece);
      bool back = false;
      sink->flush();
      for (int i = 0; i < 20; ++i) {
        back |= sink->poll(1) != nullptr;
        reactor.poll();
      }
      if (!sink->status().ok()) return states;
      EXPECT_TRUE(back);
      sink->pass(piece.piece, 0);
      states.push_back(sink->state());
    }
    return states;
  }

  HeldReactor reactor;
  std::unique_ptr<RecordSink> sink;
};

/// The numbers of all records in the output, in order; -1 where a line is none.
std::vector<std::int64_t> numbers(const TemporaryFolder& folder) {
  std::vector<std::int64_t> out;
  std::string text;
  std::set<std::string> rotated;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().filename() != "events.jsonl") rotated.insert(entry.path());
  }
  for (const std::string& name : rotated) text += read_whole(name);
  if (std::filesystem::exists(folder / "events.jsonl")) text += read_whole(folder / "events.jsonl");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    boost::json::error_code error;
    const auto value = boost::json::parse({text.data() + at, std::min(end, text.size()) - at}, error);
    out.push_back(error || end == std::string::npos ? -1 : value.at("value").at("n").as_int64());
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return out;
}

std::vector<std::int64_t> up_to(std::int64_t last) {
  std::vector<std::int64_t> out;
  for (std::int64_t n = 1; n <= last; ++n) out.push_back(n);
  return out;
}

struct Crash {
  const char* name;
  std::uint64_t rotate_bytes;
  std::size_t passed;  ///< Pieces of three that the checkpoint covers, of four written.
  std::size_t step;    ///< Every so many bytes.
};
class FileResume : public testing::TestWithParam<Crash> {};

TEST_P(FileResume, AtEveryByteOfTheFileBeingWritten) {
  const TemporaryFolder written;
  std::string state;
  {
    FileRun run(written, GetParam().rotate_bytes, "run-1");
    ASSERT_TRUE(run.sink->open("", false).ok());
    const std::string start = run.sink->state();
    const std::vector<std::string> states = run.write(1, 12, 1000);
    ASSERT_EQ(states.size(), 4U);
    state = GetParam().passed == 0 ? start : states[GetParam().passed - 1];
  }
  ASSERT_EQ(numbers(written), up_to(12));
  const std::string last_file = read_whole(written / "events.jsonl");
  const auto place = boost::json::parse(state);
  // The checkpoint's bytes are durable; a crash can tear only what is behind them.
  const bool same_file = !std::filesystem::exists(
      written / ("events.jsonl.00000" + std::to_string(place.at("sequence").as_int64())));
  const std::size_t least = same_file ? static_cast<std::size_t>(place.at("offset").as_int64()) : 0;
  for (std::size_t size = least; size <= last_file.size(); size += GetParam().step) {
    const TemporaryFolder folder;
    std::filesystem::copy(
        written.path(), folder.path(),
        std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
    write_whole(folder / "events.jsonl", last_file.substr(0, size));
    boost::json::object moved = place.as_object();
    moved["path"] = folder / "events.jsonl";

    FileRun run(folder, GetParam().rotate_bytes, "run-2");
    const auto resume = run.sink->open(boost::json::serialize(moved), false);
    ASSERT_TRUE(resume.ok()) << resume.status();
    const std::size_t whole = numbers(folder).size();
    EXPECT_EQ(resume->tail_records, whole - 3 * GetParam().passed)
        << "whole lines behind the checkpoint, cut at " << size;
    // The source sends everything behind the checkpoint again, later, and goes on.
    run.write(3 * GetParam().passed + 1, 15, 999'999);
    ASSERT_TRUE(run.sink->status().ok()) << run.sink->status();
    ASSERT_EQ(numbers(folder), up_to(15)) << "cut at " << size;
  }
}
INSTANTIATE_TEST_SUITE_P(Checkpoints, FileResume,
                         testing::Values(Crash{"before_everything", 0, 0, 11},
                                         Crash{"in_the_middle", 0, 2, 1}, Crash{"at_the_end", 0, 4, 1},
                                         Crash{"before_everything_rotated", 500, 0, 7},
                                         Crash{"in_the_middle_rotated", 500, 2, 1},
                                         Crash{"at_the_end_rotated", 500, 4, 1},
                                         Crash{"a_file_a_piece", 1, 1, 1}),
                         [](const auto& row) { return std::string(row.param.name); });

class FileResumeOnce : public testing::Test {
 protected:
  /// Twelve records, the checkpoint behind the first six; the state.
  std::string written(std::uint64_t rotate_bytes) {
    FileRun run(folder_, rotate_bytes, "run-1");
    EXPECT_TRUE(run.sink->open("", false).ok());
    return run.write(1, 12, 1000).at(1);
  }
  TemporaryFolder folder_;
};

TEST_F(FileResumeOnce, KilledBetweenRenameAndNewFile) {
  const std::string state = written(1);
  std::filesystem::remove(folder_ / "events.jsonl");
  FileRun run(folder_, 1, "run-2");
  ASSERT_TRUE(run.sink->open(state, false).ok());
  run.write(7, 15, 2000);
  EXPECT_EQ(numbers(folder_), up_to(15));
}

TEST_F(FileResumeOnce, KilledAgainWhileLinesAreSkipped) {
  const std::string state = written(0);
  std::string later;
  {
    FileRun run(folder_, 0, "run-2");
    ASSERT_EQ(run.sink->open(state, false)->tail_records, 6U);
    later = run.write(7, 9, 2000).at(0);  // a checkpoint in the middle of what is skipped
  }
  {
    FileRun run(folder_, 0, "run-3");
    ASSERT_EQ(run.sink->open(later, false)->tail_records, 3U);
    run.write(10, 15, 3000);
  }
  EXPECT_EQ(numbers(folder_), up_to(15));
}

TEST_F(FileResumeOnce, SkippedLinesAreSyncedBeforeTheyCountAsDelivered) {
  const std::string state = written(0);
  FileRun run(folder_, 0, "run-2", FileSinkOptions::Fsync::kAlways);
  ASSERT_TRUE(run.sink->open(state, false).ok());
  // The dead process may not have synced them: a power cut now could take them.
  NumberedPiece piece(7, 9, 2000);
  run.sink->submit(&piece.piece);
  EXPECT_EQ(run.sink->poll(1), nullptr);
  run.reactor.poll();
  EXPECT_EQ(run.sink->poll(1), &piece.piece);
  EXPECT_EQ(run.reactor.syncs, 1U);
}

TEST_F(FileResumeOnce, AnotherRecordThanTheLinesIsATailMismatch) {
  const std::string state = written(0);
  FileRun run(folder_, 0, "run-2");
  ASSERT_TRUE(run.sink->open(state, false).ok());
  run.write(8, 15, 2000);  // 7 is missing
  EXPECT_EQ(reason_of(run.sink->status()), ReasonCode::kSinkTailMismatch);
  EXPECT_THAT(std::string(run.sink->status().message()), HasSubstr("file 1 is another record"));
  EXPECT_EQ(numbers(folder_), up_to(12)) << "nothing was written";
}

TEST_F(FileResumeOnce, DiscardRemovesWhatIsBehindTheCheckpoint) {
  for (const std::uint64_t rotate_bytes : {std::uint64_t{0}, std::uint64_t{1}}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      std::filesystem::remove(entry);
    const std::string state = written(rotate_bytes);
    FileRun run(folder_, rotate_bytes, "run-2");
    const auto resume = run.sink->open(state, true);
    ASSERT_TRUE(resume.ok()) << resume.status();
    EXPECT_EQ(resume->tail_records, 0U);
    EXPECT_EQ(numbers(folder_), up_to(6));
    run.write(7, 9, 2000);
    EXPECT_EQ(numbers(folder_), up_to(9));
  }
}

TEST_F(FileResumeOnce, RotatedFilesMayBeMovedAway) {
  std::string state;
  {
    FileRun run(folder_, 500, "run-1");
    ASSERT_TRUE(run.sink->open("", false).ok());
    state = run.write(1, 9, 1000).back();
  }
  std::vector<std::filesystem::path> finished;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (entry.path().filename() != "events.jsonl") finished.push_back(entry.path());
  }
  ASSERT_FALSE(finished.empty());
  for (const auto& path : finished) std::filesystem::remove(path);
  const std::vector<std::int64_t> left = numbers(folder_);

  FileRun run(folder_, 500, "run-2");
  const auto resume = run.sink->open(state, false);
  ASSERT_TRUE(resume.ok()) << resume.status();
  EXPECT_EQ(resume->tail_records, 0U);
  run.write(10, 15, 2000);
  std::vector<std::int64_t> expected = left;
  for (std::int64_t n = 10; n <= 15; ++n) expected.push_back(n);
  EXPECT_EQ(numbers(folder_), expected);
  for (const auto& path : finished) EXPECT_FALSE(std::filesystem::exists(path)) << path << " is used again";
}

TEST(FileResume, AStopEndsTheCountOfALongTail) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 10'000; ++i) lines += "{}\n";
  write_whole(folder / "events.jsonl", lines);
  FileSinkOptions options;
  options.path = folder / "events.jsonl";
  options.stop_requested = [] { return true; };
  HeldReactor reactor;
  const auto sink = make_file_sink(options, reactor);
  const std::string state = "{\"path\":\"" + options.path + "\",\"sequence\":1,\"offset\":0}";
  EXPECT_TRUE(absl::IsCancelled(sink->open(state, false).status()));
  EXPECT_EQ(read_whole(options.path), lines);
}

struct Refused {
  const char* name;
  std::string state;
  ReasonCode reason;
  const char* says;
};
class FileResumeRefused : public testing::TestWithParam<Refused> {};
TEST_P(FileResumeRefused, WithItsReason) {
  const TemporaryFolder folder;
  write_whole(folder / "events.jsonl", "{}\n");
  std::string state = GetParam().state;
  const std::size_t at = state.find("PATH");
  if (at != std::string::npos) state.replace(at, 4, folder / "events.jsonl");
  FileRun run(folder, 0, "run-1");
  const auto resume = run.sink->open(state, false);
  ASSERT_FALSE(resume.ok());
  EXPECT_EQ(reason_of(resume.status()), GetParam().reason);
  EXPECT_THAT(std::string(resume.status().message()), HasSubstr(GetParam().says));
  EXPECT_EQ(read_whole(folder / "events.jsonl"), "{}\n");
}
INSTANTIATE_TEST_SUITE_P(
    Table, FileResumeRefused,
    testing::Values(Refused{"another_file", R"({"path":"/other","sequence":1,"offset":0})",
                            ReasonCode::kCheckpointMismatch, "belongs to the output file /other"},
                    Refused{"another_sinks", R"({"topics":[]})", ReasonCode::kCheckpointMismatch,
                            "not a file sink's"},
                    Refused{"no_json", "offset 5", ReasonCode::kCheckpointMismatch, "not a file sink's"},
                    Refused{"negative", R"({"path":"PATH","sequence":1,"offset":-1})",
                            ReasonCode::kCheckpointMismatch, "not a file sink's"},
                    Refused{"shorter", R"({"path":"PATH","sequence":1,"offset":4})",
                            ReasonCode::kSinkTailMismatch, "file 1 has 3 bytes, 4 were delivered"},
                    Refused{"gone", R"({"path":"PATH","sequence":7,"offset":4})",
                            ReasonCode::kSinkTailMismatch, "file 7 has 3 bytes, 4 were delivered"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FileResumeGone, AMissingFileOfWhichNothingWasDeliveredBeginsAgain) {
  const TemporaryFolder folder;
  FileRun run(folder, 0, "run-1");
  const auto resume =
      run.sink->open("{\"path\":\"" + (folder / "events.jsonl") + "\",\"sequence\":1,\"offset\":0}", false);
  ASSERT_TRUE(resume.ok()) << resume.status();
  run.write(1, 3, 1);
  EXPECT_EQ(numbers(folder), up_to(3));
}

}  // namespace
}  // namespace millrace::test
