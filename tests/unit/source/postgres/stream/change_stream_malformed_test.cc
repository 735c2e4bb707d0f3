// SPDX-License-Identifier: Apache-2.0
// What no server may send is refused, with the place of it.
#include <gmock/gmock.h>

#include <algorithm>

#include "base/reason_code.h"
#include "support/hex.h"
#include "unit/source/postgres/stream/stream_script.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using Result = ScriptedStream::Result;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MalformedScript : public testing::TestWithParam<Script> {};
TEST_P(MalformedScript, IsRefused) { expect_script(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Table, MalformedScript,
    testing::Values(
        Script{"commit_without_begin", {"commit 150 158"}, {}, "bad Commit at 0/A, byte 0: "},
        Script{"row_without_begin", {"table t", "insert t 1"}, {}, "bad row at 0/A, byte 0: "},
        Script{"truncate_without_begin", {"table t", "truncate t"}, {}, "bad Truncate at 0/A, byte 0: "},
        Script{
            "transactional_message_without_begin", {"tmessage 145 hi"}, {}, "bad Message at 0/A, byte 0: "},
        Script{"origin_without_begin", {"origin o 9"}, {}, "bad Origin"},
        Script{"begin_in_a_transaction", {"begin 7 150", "begin 8 160"}, {}, "bad Begin"},
        Script{"begin_while_preparing", {"bprepare 7 g 140 148", "begin 8 160"}, {}, "bad Begin"},
        Script{"begin_in_a_block", {"start 8 first", "begin 7 150"}, {}, "bad message"},
        Script{"commit_of_another_transaction",
               {"begin 7 150", "commit 151 158"},
               {},
               "bad Commit at 0/B, byte 2: "},
        Script{"commit_that_ends_where_it_begins",
               {"begin 7 150", "commit 150 150"},
               {},
               "bad Commit at 0/B, byte 2: "},
        Script{"row_of_an_unknown_relation", {"begin 7 150", "insert t 1"}, {}, "bad row at 0/B, byte 1: "},
        Script{"truncate_of_an_unknown_relation",
               {"begin 7 150", "table t", "truncate t u"},
               {"truncate t of 7/150"},
               "bad Truncate at 0/B, byte 10: "},
        Script{"block_in_a_transaction", {"begin 7 150", "start 8 first"}, {}, "bad StreamStart"},
        Script{"block_in_a_block", {"start 8 first", "start 9 first"}, {}, "bad message"},
        Script{"block_whose_beginning_is_missing", {"start 8"}, {}, "bad StreamStart at 0/A, byte 5: "},
        Script{"block_that_begins_twice", {"start 8 first", "stop", "start 8 first"}, {}, "bad StreamStart"},
        Script{"stop_without_start", {"stop"}, {}, "bad message"},
        Script{"stream_commit_of_nothing", {"scommit 8 150 158"}, {}, "bad StreamCommit"},
        Script{"stream_commit_in_a_transaction",
               {"start 8 first", "stop", "begin 7 140", "scommit 8 150 158"},
               {},
               "bad StreamCommit"},
        Script{"stream_commit_in_its_block", {"start 8 first", "scommit 8 150 158"}, {}, "bad message"},
        Script{"stream_commit_that_ends_where_it_begins",
               {"start 8 first", "stop", "scommit 8 150 150"},
               {},
               "bad StreamCommit"},
        Script{"stream_abort_in_its_block", {"start 8 first", "abort 8 8"}, {}, "bad message"},
        Script{"prepare_without_begin", {"prepare 7 g 140 148"}, {}, "bad Prepare"},
        Script{"prepare_twice", {"bprepare 7 g 140 148", "bprepare 8 h 150 158"}, {}, "bad BeginPrepare"},
        Script{"prepare_in_a_transaction", {"begin 7 150", "bprepare 8 h 150 158"}, {}, "bad BeginPrepare"},
        Script{"stream_prepare_of_nothing", {"sprepare 8 g 140 148"}, {}, "bad StreamPrepare"},
        Script{"prepared_commit_in_a_transaction",
               {"begin 7 150", "kcommit 8 g 200 208"},
               {},
               "bad CommitPrepared"},
        Script{"relation_that_cannot_be_made",
               {"begin 7 150", "table broken"},
               {},
               "cannot make a relation of it"}),
    name_of_script);

TEST(ChangeStream, NamesSlotMessagePositionAndByteOfWhatItCannotRead) {
  ScriptedStream stream;
  stream.run({"begin 7 150"});
  EXPECT_EQ(stream.raw("C\x01", 0x16B3748), Result::kFailed);
  EXPECT_EQ(stream.failure(), "postgres slot \"s\": bad Commit at 0/16B3748, byte 1: " +
                                  std::string(to_string(Reason::kBadFlags)));
  EXPECT_EQ(reason_of(stream.stream().status()), ReasonCode::kSourceProtocol);
  EXPECT_EQ(stream.once("commit 150 158"), Result::kFailed) << "a failed stream stays failed";
}

TEST(ChangeStream, EveryMessageCutAnywhereFails) {
  const Lines steps = {"begin 7 150",
                       "table t",
                       "type",
                       "origin o 9",
                       "insert t 1",
                       "update t 1",
                       "delete t 1",
                       "truncate t",
                       "tmessage 145 hi",
                       "commit 150 158",
                       "start 8 first",
                       "stop",
                       "scommit 8 160 168",
                       "abort 8 8",
                       "bprepare 7 g 170 178",
                       "prepare 7 g 170 178",
                       "kcommit 7 g 200 208",
                       "rollback g 178 208"};
  // Messages are recorded as a good stream sends them, then each is cut where rows are not looked into.
  for (std::size_t i = 0; i < steps.size(); ++i) {
    ScriptedStream recorder;
    Lines before(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(i));
    const bool streamed = steps[i] == "stop";
    const std::string whole = recorder.encoded(before, steps[i]);
    // A row's tuples are decoded by workers: only what the ingest reads counts here.
    const std::size_t read = whole[0] == 'I' || whole[0] == 'U' || whole[0] == 'D' ? 5 : whole.size();
    for (std::size_t size = 0; size < read; ++size) {
      ScriptedStream stream;
      stream.run(before);
      ASSERT_EQ(stream.failure(), "") << steps[i];
      EXPECT_EQ(stream.raw(whole.substr(0, size)), Result::kFailed) << steps[i] << " cut at " << size;
      if (streamed) break;
    }
    if (whole[0] != 'I' && whole[0] != 'U' && whole[0] != 'D') {
      ScriptedStream stream;
      stream.run(before);
      EXPECT_EQ(stream.raw(whole + "x"), Result::kFailed) << steps[i] << " with a byte too many";
    }
  }
}

TEST(ChangeStream, UnknownMessageIsRefused) {
  ScriptedStream stream;
  EXPECT_EQ(stream.raw("Z"), Result::kFailed);
  EXPECT_THAT(stream.failure(), HasSubstr("bad message at 0/1, byte 0: "));
}

}  // namespace
}  // namespace millrace::test
