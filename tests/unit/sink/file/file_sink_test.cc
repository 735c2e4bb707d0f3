// SPDX-License-Identifier: Apache-2.0
// When a piece is delivered: by the fsync policy, through partial writes and failures; and when a file is
// rotated.
#include "sink/file/file_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>
#include <string>

#include "base/reason_code.h"
#include "support/held_reactor.h"
#include "support/temporary_folder.h"
#include "unit/sink/file/pieces.h"

namespace millrace::test {
namespace {

using Fsync = FileSinkOptions::Fsync;
using testing::HasSubstr;
constexpr std::int64_t kStart = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class FileSinkTest : public testing::Test {
 protected:
  FileSinkOptions options(Fsync fsync) {
    FileSinkOptions made;
    made.path = folder_ / "out/events.jsonl";
    made.fsync = fsync;
    return made;
  }
  void open(const FileSinkOptions& made) {
    sink_ = make_file_sink(made, reactor_);
    const auto resume = sink_->open("", false);
    ASSERT_TRUE(resume.ok()) << resume.status();
    EXPECT_EQ(resume->tail_records, 0U);
  }
  /// Polls and carries out until nothing moves; the pieces that came back.
  std::vector<Piece*> settle(std::int64_t now_us = kStart) {
    std::vector<Piece*> back;
    do {
      while (Piece* piece = sink_->poll(now_us)) back.push_back(piece);
    } while (reactor_.poll());
    while (Piece* piece = sink_->poll(now_us)) back.push_back(piece);
    return back;
  }
  /// The piece waits at an output that has no room for it.
  void submit_to_full_output(NumberedPiece& piece) {
    FileSinkOptions made = options(Fsync::kNever);
    made.path = "/dev/null";
    open(made);
    sink_->submit(&piece.piece);
    EXPECT_EQ(sink_->poll(kStart), nullptr);
    reactor_.next_error = EAGAIN;
    reactor_.step();
  }
  std::string path() { return folder_ / "out/events.jsonl"; }

  TemporaryFolder folder_;
  HeldReactor reactor_;
  std::unique_ptr<RecordSink> sink_;
};

TEST_F(FileSinkTest, WithoutFsyncAPieceIsDeliveredWhenWritten) {
  open(options(Fsync::kNever));
  NumberedPiece piece(1, 3, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr) << "the write has only begun";
  reactor_.step();
  EXPECT_EQ(sink_->poll(kStart), &piece.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  EXPECT_EQ(reactor_.syncs, 0U);
  EXPECT_EQ(sink_->next_deadline_us(), kNever);
}

TEST_F(FileSinkTest, AlwaysSyncsBeforeItDelivers) {
  open(options(Fsync::kAlways));
  NumberedPiece piece(1, 3, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  reactor_.step();
  EXPECT_EQ(sink_->poll(kStart), nullptr) << "written, not synced";
  ASSERT_TRUE(reactor_.syncing());
  reactor_.step();
  EXPECT_EQ(sink_->poll(kStart), &piece.piece);
}

TEST_F(FileSinkTest, WhatIsWrittenDuringASyncWaitsForTheNext) {
  open(options(Fsync::kAlways));
  NumberedPiece first(1, 1, 1);
  NumberedPiece second(2, 2, 1);
  sink_->submit(&first.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  reactor_.step();
  EXPECT_EQ(sink_->poll(kStart), nullptr);  // starts the sync
  sink_->submit(&second.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr);  // starts the write
  reactor_.step();                          // the sync
  EXPECT_EQ(sink_->poll(kStart), &first.piece);
  reactor_.step();  // the write
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  EXPECT_EQ(settle(), std::vector<Piece*>{&second.piece});
  EXPECT_EQ(reactor_.syncs, 2U);
}

TEST_F(FileSinkTest, IntervalSyncsOncePerInterval) {
  FileSinkOptions made = options(Fsync::kInterval);
  made.fsync_interval_us = 1000;
  open(made);
  EXPECT_EQ(settle(kStart).size(), 0U);
  EXPECT_EQ(sink_->next_deadline_us(), kNever) << "nothing to sync";
  NumberedPiece piece(1, 3, 1);
  NumberedPiece more(4, 5, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(settle(kStart + 100).size(), 0U);
  sink_->submit(&more.piece);
  EXPECT_EQ(settle(kStart + 999).size(), 0U);
  EXPECT_EQ(sink_->next_deadline_us(), kStart + 1000);
  EXPECT_EQ(settle(kStart + 1000).size(), 2U);
  EXPECT_EQ(reactor_.syncs, 1U);
}

TEST_F(FileSinkTest, FlushDoesNotWaitForTheInterval) {
  open(options(Fsync::kInterval));
  NumberedPiece piece(1, 3, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(settle().size(), 0U);
  sink_->flush();
  EXPECT_EQ(settle().size(), 1U);
  NumberedPiece next(4, 4, 1);
  sink_->submit(&next.piece);
  EXPECT_EQ(settle().size(), 0U) << "a flush is for what was submitted before it";
}

TEST_F(FileSinkTest, PartialAndInterruptedWritesGoOn) {
  open(options(Fsync::kNever));
  reactor_.write_bytes_max = 7;
  reactor_.next_error = EINTR;
  NumberedPiece piece(1, 20, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(settle().size(), 1U);
  EXPECT_TRUE(sink_->status().ok());
  EXPECT_GT(reactor_.writes, 100U);
  const std::string text = read_whole(path());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_THAT(text, testing::EndsWith("\n"));
}

TEST_F(FileSinkTest, AFailedWriteStopsForGood) {
  open(options(Fsync::kNever));
  NumberedPiece piece(1, 2, 1);
  sink_->submit(&piece.piece);
  reactor_.next_error = ENOSPC;
  EXPECT_EQ(settle().size(), 0U);
  EXPECT_EQ(reason_of(sink_->status()), ReasonCode::kSinkWriteFailed);
  EXPECT_THAT(std::string(sink_->status().message()), HasSubstr(path()));
  EXPECT_FALSE(sink_->ready());
  EXPECT_EQ(settle().size(), 0U) << "nothing is delivered after a failure";
  EXPECT_EQ(sink_->next_deadline_us(), kNever);
}

TEST_F(FileSinkTest, AFailedSyncIsNotTriedAgain) {
  open(options(Fsync::kAlways));
  NumberedPiece piece(1, 2, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  reactor_.step();
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  reactor_.next_error = EIO;
  EXPECT_EQ(settle().size(), 0U);
  EXPECT_EQ(reason_of(sink_->status()), ReasonCode::kSinkWriteFailed);
  EXPECT_EQ(reactor_.syncs, 0U);
}

TEST_F(FileSinkTest, RefusesMoreWhileABufferIsFull) {
  open(options(Fsync::kNever));
  EXPECT_TRUE(sink_->ready());
  std::vector<std::unique_ptr<NumberedPiece>> pieces;
  std::uint64_t n = 1;
  while (sink_->ready()) {
    ASSERT_LT(pieces.size(), 1000U);
    pieces.push_back(std::make_unique<NumberedPiece>(n, n + 999, 1));
    n += 1000;
    sink_->submit(&pieces.back()->piece);
  }
  EXPECT_EQ(settle().size(), pieces.size());
  EXPECT_TRUE(sink_->ready());
}

TEST_F(FileSinkTest, LinesOfOthersStay) {
  std::filesystem::create_directories(folder_ / "out");
  write_whole(path(), "theirs\nhalf");
  open(options(Fsync::kNever));
  NumberedPiece piece(1, 1, 1);
  sink_->submit(&piece.piece);
  settle();
  EXPECT_THAT(read_whole(path()), testing::StartsWith("theirs\nhalf\n{\"topic\":"));
}

TEST_F(FileSinkTest, DevicesAreWrittenAndNeitherSyncedNorRotatedNorResumed) {
  FileSinkOptions made = options(Fsync::kAlways);
  made.path = "/dev/null";
  made.rotate_bytes = 1;
  open(made);
  NumberedPiece piece(1, 2, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(settle().size(), 1U);
  EXPECT_EQ(reactor_.syncs, 0U);
  EXPECT_EQ(sink_->state(), "");
}

TEST_F(FileSinkTest, PipesAreWrittenInOrder) {
  FileSinkOptions made = options(Fsync::kAlways);
  std::filesystem::create_directories(folder_ / "out");
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  const int reader = ::open(path().c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  open(made);
  reactor_.write_bytes_max = 100;
  NumberedPiece piece(1, 5, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(settle().size(), 1U);
  std::string text(65536, '\0');
  const ssize_t n = ::read(reader, text.data(), text.size());
  ASSERT_GT(n, 0);
  text.resize(static_cast<std::size_t>(n));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_LT(text.find("{\"n\":1,"), text.find("{\"n\":5,"));
  ::close(reader);
}

TEST_F(FileSinkTest, APipeIsOpenedWhenSomebodyReadsIt) {
  FileSinkOptions made = options(Fsync::kNever);
  std::filesystem::create_directories(folder_ / "out");
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  int reader = -1;
  made.stop_requested = [&, asked = 0]() mutable {
    if (++asked == 2) reader = ::open(path().c_str(), O_RDONLY | O_NONBLOCK);
    return false;
  };
  open(made);
  ASSERT_GE(reader, 0);
  NumberedPiece piece(1, 1, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(settle().size(), 1U);
  ::close(reader);
}

TEST_F(FileSinkTest, AStopEndsTheWaitForAReader) {
  FileSinkOptions made = options(Fsync::kNever);
  std::filesystem::create_directories(folder_ / "out");
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  made.stop_requested = [asked = 0]() mutable { return ++asked == 2; };
  sink_ = make_file_sink(made, reactor_);
  EXPECT_TRUE(absl::IsCancelled(sink_->open("", false).status()));
}

TEST_F(FileSinkTest, AFullNonBlockingOutputIsWaitedFor) {
  NumberedPiece piece(1, 2, 1);
  submit_to_full_output(piece);
  EXPECT_TRUE(reactor_.polling()) << "not tried again at once";
  EXPECT_EQ(settle(), std::vector<Piece*>{&piece.piece});
}

TEST_F(FileSinkTest, DestroyedWhileItWaitsForRoomLetsGo) {
  NumberedPiece piece(1, 2, 1);
  submit_to_full_output(piece);
  sink_.reset();
  EXPECT_TRUE(reactor_.idle());
}

TEST_F(FileSinkTest, AFolderThatCannotBeMadeIsNamed) {
  write_whole(folder_ / "file", "");
  FileSinkOptions made = options(Fsync::kNever);
  made.path = folder_ / "file/below/events.jsonl";
  sink_ = make_file_sink(made, reactor_);
  const auto resume = sink_->open("", false);
  EXPECT_EQ(reason_of(resume.status()), ReasonCode::kSinkWriteFailed);
  EXPECT_THAT(std::string(resume.status().message()), HasSubstr("file/below/events.jsonl"));
}

TEST_F(FileSinkTest, DestroyedInMidWriteLetsGo) {
  open(options(Fsync::kAlways));
  NumberedPiece piece(1, 2, 1);
  sink_->submit(&piece.piece);
  EXPECT_EQ(sink_->poll(kStart), nullptr);
  ASSERT_FALSE(reactor_.idle());
  sink_.reset();
  EXPECT_TRUE(reactor_.idle());
}

// --- rotation
// -----------------------------------------------------------------------------

TEST_F(FileSinkTest, RotatesBetweenPiecesWhenLargeEnough) {
  for (const Fsync fsync : {Fsync::kNever, Fsync::kInterval, Fsync::kAlways}) {
    std::filesystem::remove_all(folder_ / "out");
    FileSinkOptions made = options(fsync);
    made.rotate_bytes = 400;
    open(made);
    std::uint64_t n = 1;
    for (int i = 0; i < 6; ++i) {
      NumberedPiece piece(n, n + 2, 1);
      n += 3;
      sink_->submit(&piece.piece);
      sink_->flush();
      EXPECT_EQ(settle().size(), 1U);
      settle();
      ASSERT_TRUE(sink_->ready());
    }
    std::string all;
    std::size_t files = 0;
    for (std::uint64_t sequence = 1; std::filesystem::exists(path() + ".00000" + std::to_string(sequence));
         ++sequence) {
      const std::string text = read_whole(path() + ".00000" + std::to_string(sequence));
      EXPECT_GE(text.size(), 400U);
      EXPECT_THAT(text, testing::EndsWith("\n"));
      all += text;
      ++files;
    }
    EXPECT_GE(files, 2U);
    all += read_whole(path());
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 18);
    for (int i = 1; i < 18; ++i) {
      EXPECT_LT(all.find("{\"n\":" + std::to_string(i) + ",\"pad"),
                all.find("{\"n\":" + std::to_string(i + 1) + ",\"pad"));
    }
  }
}

TEST_F(FileSinkTest, RotatesByTimeButNoEmptyFile) {
  FileSinkOptions made = options(Fsync::kNever);
  made.rotate_interval_us = 1000;
  open(made);
  settle(kStart);
  settle(kStart + 5000);
  EXPECT_FALSE(std::filesystem::exists(path() + ".000001"));
  EXPECT_EQ(sink_->next_deadline_us(), kNever);
  NumberedPiece piece(1, 1, 1);
  sink_->submit(&piece.piece);
  settle(kStart + 5001);
  EXPECT_TRUE(std::filesystem::exists(path() + ".000001")) << "the interval counts from the file's start";
  EXPECT_EQ(read_whole(path()), "");
}

TEST_F(FileSinkTest, ARotationThatWaitsForTheDiskAsksForNoTurn) {
  FileSinkOptions made = options(Fsync::kAlways);
  made.rotate_interval_us = 1000;
  open(made);
  settle(kStart);
  NumberedPiece piece(1, 1, 1);
  sink_->submit(&piece.piece);
  ASSERT_EQ(sink_->poll(kStart + 1), nullptr);
  EXPECT_EQ(sink_->next_deadline_us(), kStart + 1000);
  ASSERT_EQ(sink_->poll(kStart + 1000), nullptr);
  EXPECT_EQ(sink_->next_deadline_us(), kNever) << "the write's end wakes";
  EXPECT_EQ(settle(kStart + 1000).size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(path() + ".000001"));
}

TEST_F(FileSinkTest, NothingIsTakenWhileItRotates) {
  FileSinkOptions made = options(Fsync::kAlways);
  made.rotate_bytes = 1;
  open(made);
  NumberedPiece piece(1, 1, 1);
  sink_->submit(&piece.piece);
  EXPECT_FALSE(sink_->ready());
  EXPECT_EQ(settle().size(), 1U);
  EXPECT_TRUE(sink_->ready());
  EXPECT_EQ(read_whole(path()), "");
}

// --- what a checkpoint holds
// -----------------------------------------------------------------------------

TEST_F(FileSinkTest, StateIsThePlaceOfTheLastPassedMark) {
  open(options(Fsync::kNever));
  EXPECT_EQ(sink_->state(), "{\"path\":\"" + path() + "\",\"sequence\":1,\"offset\":0}");
  NumberedPiece piece(1, 4, 1, false);
  piece.add_mark(0);
  piece.add_mark(2);
  piece.add_mark(2);
  piece.add_mark(4);
  sink_->submit(&piece.piece);
  settle();
  const std::string text = read_whole(path());
  const std::size_t two = text.find('\n', text.find('\n') + 1) + 1;
  const std::size_t offsets[] = {0, two, two, text.size()};
  for (std::size_t mark = 0; mark < 4; ++mark) {
    sink_->pass(piece.piece, mark);
    EXPECT_EQ(sink_->state(), "{\"path\":\"" + path() +
                                  "\",\"sequence\":1,\"offset\":" + std::to_string(offsets[mark]) + "}");
  }
}

}  // namespace
}  // namespace millrace::test
