// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a file: replaced whole, the one before kept, one instance at a time, every damage told.
#include "checkpoint/checkpoint_file.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>

#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"
#include "support/temporary_folder.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;

Checkpoint of_generation(std::uint64_t generation) {
  Checkpoint checkpoint;
  checkpoint.generation = generation;
  checkpoint.pipeline = "orders";
  checkpoint.phase = "streaming";
  checkpoint.position.text = "{\"lsn\":\"0/" + std::to_string(generation) + "\"}";
  return checkpoint;
}

/// A store and the wait for its answers.
class Store {
 public:
  explicit Store(const std::string& path, const std::string& pipeline = "orders")
      : store_(make_checkpoint_file(path, pipeline, [this] {
          const std::lock_guard lock(mutex_);
          ++wakes_;
          woken_.notify_one();
        })) {}

  absl::StatusOr<StoredCheckpoints> open() { return store_->open(); }
  absl::StatusOr<std::uint64_t> write(std::uint64_t generation) { return write(of_generation(generation)); }
  absl::StatusOr<std::uint64_t> write(Checkpoint checkpoint) {
    EXPECT_FALSE(store_->poll()) << "nothing to report before a write";
    store_->write(std::move(checkpoint));
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [this] { return wakes_ > 0; });
    --wakes_;
    auto outcome = store_->poll();
    EXPECT_TRUE(outcome) << "woken with nothing to say";
    EXPECT_FALSE(store_->poll()) << "reported twice";
    return outcome ? *outcome : absl::InternalError("nothing");
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
  std::unique_ptr<CheckpointStore> store_;
};

/// "7 6": generations of newest and previous; or the reason.
std::string stored(const absl::StatusOr<StoredCheckpoints>& read) {
  if (!read.ok()) return std::string(reason_info(reason_of(read.status())).name);
  const auto text = [](const std::optional<Checkpoint>& checkpoint) {
    return checkpoint ? std::to_string(checkpoint->generation) : std::string("-");
  };
  return text(read->newest) + " " + text(read->previous);
}

class CheckpointFileTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::string path_ = folder_ / "state/orders.checkpoint";
};

TEST_F(CheckpointFileTest, FirstStartFindsNothingAndMakesTheFolder) {
  Store store(path_);
  EXPECT_EQ(stored(store.open()), "- -");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "state"));
}

TEST_F(CheckpointFileTest, KeepsTheTwoNewest) {
  Store store(path_);
  ASSERT_TRUE(store.open().ok());
  EXPECT_EQ(*store.write(1), 1U);
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "1 -");
  EXPECT_EQ(*store.write(2), 2U);
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "2 1");
  EXPECT_EQ(*store.write(3), 3U);
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "3 2");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(CheckpointFileTest, NextInstanceReadsWhatTheLastWrote) {
  {
    Store store(path_);
    ASSERT_TRUE(store.open().ok());
    ASSERT_TRUE(store.write(1).ok());
    ASSERT_TRUE(store.write(2).ok());
  }
  Store store(path_);
  const auto read = store.open();
  EXPECT_EQ(stored(read), "2 1");
  EXPECT_EQ(read->newest->position.text, "{\"lsn\":\"0/2\"}");
}

TEST_F(CheckpointFileTest, AWriteUnderWayIsFinishedBeforeTheEnd) {
  {
    const auto store = make_checkpoint_file(path_, "orders", [] {});
    ASSERT_TRUE(store->open().ok());
    store->write(of_generation(1));
  }
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "1 -");
}

// --- two instances
// -----------------------------------------------------------------------------

TEST_F(CheckpointFileTest, ASecondInstanceIsRefused) {
  Store first(path_);
  ASSERT_TRUE(first.open().ok());
  Store second(path_);
  const auto refused = second.open();
  EXPECT_EQ(stored(refused), "CHECKPOINT_LOCKED");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(path_ + ".lock"));
  EXPECT_TRUE(first.write(1).ok()) << "the first one is not disturbed";
}

TEST_F(CheckpointFileTest, TheLockEndsWithItsInstance) {
  {
    Store first(path_);
    ASSERT_TRUE(first.open().ok());
  }
  Store second(path_);
  EXPECT_TRUE(second.open().ok());
}

TEST_F(CheckpointFileTest, ARefusedInstanceLeavesNoLock) {
  std::filesystem::create_directories(folder_ / "state");
  write_whole(path_, "damaged");
  {
    Store store(path_);
    EXPECT_EQ(stored(store.open()), "CHECKPOINT_CORRUPT");
    EXPECT_TRUE(remove_checkpoint_file(path_).ok());
  }
  Store again(path_);
  EXPECT_EQ(stored(again.open()), "- -");
}

TEST_F(CheckpointFileTest, CommandsMustNotChangeWhatARunUses) {
  Store store(path_);
  ASSERT_TRUE(store.open().ok());
  ASSERT_TRUE(store.write(1).ok());
  EXPECT_EQ(reason_of(overwrite_checkpoint_file(path_, of_generation(9))), ReasonCode::kCheckpointLocked);
  EXPECT_EQ(reason_of(remove_checkpoint_file(path_)), ReasonCode::kCheckpointLocked);
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "1 -") << "reading needs no lock";
}

TEST_F(CheckpointFileTest, SetReplacesBothCopiesAndResetRemovesThem) {
  {
    Store store(path_);
    ASSERT_TRUE(store.open().ok());
    ASSERT_TRUE(store.write(1).ok());
    ASSERT_TRUE(store.write(2).ok());
  }
  ASSERT_TRUE(overwrite_checkpoint_file(path_, of_generation(9)).ok());
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "9 9") << "an older copy must not come back";
  ASSERT_TRUE(remove_checkpoint_file(path_).ok());
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "- -");
  EXPECT_TRUE(remove_checkpoint_file(path_).ok()) << "nothing to remove is removed";
}

// --- what is found
// -----------------------------------------------------------------------------

struct Found {
  const char* name;
  const char* newest;  ///< nullptr: no such file; else "1" for a good one, "v2", "torn", "empty".
  const char* previous;
  const char* stored;
};
std::string contents(std::string_view what, std::uint64_t generation) {
  Checkpoint checkpoint = of_generation(generation);
  if (what == "empty") return "";
  if (what == "torn") return to_text(checkpoint).substr(0, 50);
  if (what == "v2") checkpoint.format_version = 2;
  if (what == "theirs") checkpoint.pipeline = "customers";
  return to_text(checkpoint);
}
class FoundFiles : public testing::TestWithParam<Found> {};
TEST_P(FoundFiles, AreUsedOrRefused) {
  const TemporaryFolder folder;
  const std::string path = folder / "orders.checkpoint";
  if (GetParam().newest != nullptr) write_whole(path, contents(GetParam().newest, 2));
  if (GetParam().previous != nullptr) write_whole(path + ".previous", contents(GetParam().previous, 1));
  write_whole(path + ".new", contents("torn", 3));  // a crash in the middle of a write leaves one
  Store store(path);
  const auto read = store.open();
  EXPECT_EQ(stored(read), GetParam().stored) << read.status();
  if (!read.ok()) {
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(path));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Table, FoundFiles,
    testing::Values(Found{"both", "good", "good", "2 1"}, Found{"newest_alone", "good", nullptr, "2 -"},
                    Found{"killed_between_the_renames", nullptr, "good", "1 1"},
                    Found{"newest_torn", "torn", "good", "1 1"},
                    Found{"newest_empty", "empty", "good", "1 1"},
                    Found{"previous_torn", "good", "torn", "2 -"},
                    Found{"both_torn", "torn", "torn", "CHECKPOINT_CORRUPT"},
                    Found{"newest_torn_without_previous", "torn", nullptr, "CHECKPOINT_CORRUPT"},
                    Found{"newest_empty_without_previous", "empty", nullptr, "CHECKPOINT_CORRUPT"},
                    Found{"previous_torn_alone", nullptr, "torn", "CHECKPOINT_CORRUPT"},
                    Found{"of_a_newer_version", "v2", "v2", "CHECKPOINT_MISMATCH"},
                    Found{"of_a_newer_version_behind_an_older", "v2", "good", "CHECKPOINT_MISMATCH"},
                    Found{"of_a_newer_version_alone", "v2", nullptr, "CHECKPOINT_MISMATCH"},
                    Found{"of_another_pipeline", "theirs", "theirs", "CHECKPOINT_MISMATCH"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(CheckpointFileTest, WritingGoesOnAfterACopyWasDamaged) {
  std::filesystem::create_directories(folder_ / "state");
  write_whole(path_, contents("torn", 2));
  write_whole(path_ + ".previous", contents("good", 1));
  Store store(path_);
  ASSERT_EQ(stored(store.open()), "1 1");
  EXPECT_EQ(read_whole(path_ + ".damaged"), contents("torn", 2)) << "put aside, for who wants to know";
  ASSERT_TRUE(store.write(3).ok());
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "3 1") << "the damaged copy has not replaced the good one";
  ASSERT_TRUE(store.write(4).ok());
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "4 3");
}

TEST_F(CheckpointFileTest, AFailedWriteIsToldAndTheNextMaySucceed) {
  Store store(path_);
  ASSERT_TRUE(store.open().ok());
  ASSERT_TRUE(store.write(1).ok());
  std::filesystem::create_directory(path_ + ".new");  // nothing can be created there
  const auto failed = store.write(2);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(reason_of(failed.status()), ReasonCode::kCheckpointWriteFailed);
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr(path_ + ".new"));
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "1 -") << "what was there stays";
  std::filesystem::remove(path_ + ".new");
  EXPECT_TRUE(store.write(3).ok());
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "3 1");
}

TEST_F(CheckpointFileTest, WhatNobodyCouldReadIsNotWritten) {
  {
    Store store(path_);
    ASSERT_TRUE(store.open().ok());
    ASSERT_TRUE(store.write(1).ok());
    Checkpoint large = of_generation(2);
    large.sink_state = std::string(kCheckpointBytesMax, 'x');
    const auto written = store.write(large);
    EXPECT_EQ(reason_of(written.status()), ReasonCode::kCheckpointWriteFailed) << written.status();
  }
  EXPECT_EQ(stored(read_checkpoint_file(path_)), "1 -");
}

TEST_F(CheckpointFileTest, AFolderInItsPlaceIsAnErrorNotAFreshStart) {
  std::filesystem::create_directories(path_);
  Store store(path_);
  EXPECT_EQ(stored(store.open()), "CHECKPOINT_CORRUPT");
}

TEST_F(CheckpointFileTest, AFolderThatCannotBeMadeIsNamed) {
  write_whole(folder_ / "file", "");
  Store store(folder_ / "file/orders.checkpoint");
  const auto refused = store.open();
  EXPECT_EQ(stored(refused), "CHECKPOINT_WRITE_FAILED");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("file/orders.checkpoint"));
}

}  // namespace
}  // namespace millrace::test
