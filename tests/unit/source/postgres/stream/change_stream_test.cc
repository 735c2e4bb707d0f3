// SPDX-License-Identifier: Apache-2.0
// Which changes go out, in which transaction, and where the log may be resumed: every pgoutput message in
// every order that a server sends, and in orders that none may.
#include <gmock/gmock.h>

#include <algorithm>

#include "base/reason_code.h"
#include "support/hex.h"
#include "unit/source/postgres/stream/scripted_stream.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using Result = ScriptedStream::Result;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Script {
  const char* name;
  Lines steps;
  Lines out;
  const char* failure = "";
};

void expect_script(const Script& script) {
  ScriptedStream stream;
  stream.run(script.steps);
  EXPECT_EQ(stream.drain(), script.out);
  if (*script.failure == '\0') {
    EXPECT_EQ(stream.failure(), "");
  } else {
    EXPECT_THAT(stream.failure(), HasSubstr(script.failure));
  }
  EXPECT_EQ(stream.slabs().used_bytes(), 0U) << "a slab is still held";
}

class StreamScript : public testing::TestWithParam<Script> {};
TEST_P(StreamScript, GivesTheseChanges) { expect_script(GetParam()); }

std::string name_of_script(const testing::TestParamInfo<Script>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Transactions, StreamScript,
    testing::Values(
        Script{"one_of_each",
               {"begin 7 150", "table t", "insert t 1", "update t 2", "delete t 3", "truncate t",
                "commit 150 158"},
               {"insert t 1 of 7/150", "update t 2 of 7/150", "delete t 3 of 7/150", "truncate t of 7/150",
                "mark 158"}},
        Script{
            "two_tables_in_turn",
            {"begin 7 150", "table t", "insert t 1", "table u", "insert u 2", "insert t 3", "commit 150 158"},
            {"insert t 1 of 7/150", "insert u 2 of 7/150", "insert t 3 of 7/150", "mark 158"}},
        Script{"relation_stays_known",
               {"begin 7 150", "table t", "insert t 1", "commit 150 158", "begin 8 160", "insert t 2",
                "commit 160 168"},
               {"insert t 1 of 7/150", "mark 158", "insert t 2 of 8/160", "mark 168"}},
        Script{"empty_transaction_is_a_place_to_resume", {"begin 7 150", "commit 150 158"}, {"mark 158"}},
        Script{"filtered_table_gives_nothing",
               {"begin 7 150", "table h", "insert h 1", "truncate h", "commit 150 158"},
               {"mark 158"}},
        Script{"truncate_names_each_captured_table",
               {"begin 7 150", "table t", "table h", "table u", "truncate t h u", "commit 150 158"},
               {"truncate t of 7/150", "truncate u of 7/150", "mark 158"}},
        Script{"type_message_passes",
               {"begin 7 150", "type", "table t", "insert t 1", "commit 150 158"},
               {"insert t 1 of 7/150", "mark 158"}},
        Script{"origin_holds_for_its_transaction",
               {"begin 7 150", "origin o 99", "table t", "insert t 1", "commit 150 158", "begin 8 160",
                "insert t 2", "commit 160 168"},
               {"insert t 1 of 7/150 from o/99", "mark 158", "insert t 2 of 8/160", "mark 168"}},
        Script{"idle_log_moves_the_position", {"idle 300"}, {"mark 300"}},
        Script{"idle_below_the_position_says_nothing",
               {"begin 7 150", "commit 150 158", "idle 158"},
               {"mark 158"}},
        Script{
            "idle_inside_a_transaction_waits", {"begin 7 150", "idle 300", "commit 150 158"}, {"mark 158"}},
        Script{"checkpoint_is_asked_for_even_where_nothing_moved",
               {"begin 7 150", "commit 150 158", "checkpoint 100"},
               {"mark 158", "mark 158", "checkpoint"}}),
    name_of_script);

INSTANTIATE_TEST_SUITE_P(
    Messages, StreamScript,
    testing::Values(Script{"in_a_transaction",
                           {"begin 7 150", "tmessage 145 hi", "commit 150 158"},
                           {"message hi of 7/150", "mark 158"}},
                    Script{"outside_goes_out_at_once_and_can_be_resumed_behind",
                           {"message 140 hi"},
                           {"message hi of 0/140", "mark 140"}},
                    Script{"outside_and_delivered_before",
                           {"session 200 100", "message 200 hi", "message 201 ho"},
                           {"message ho of 0/201", "mark 201"}},
                    Script{"outside_does_not_end_the_open_transaction",
                           {"begin 7 150", "table t", "insert t 1", "message 145 hi", "insert t 2",
                            "commit 150 158"},
                           {"insert t 1 of 7/150", "message hi of 0/145", "insert t 2 of 7/150", "mark 158"}},
                    Script{"in_a_streamed_transaction_waits_for_its_commit",
                           {"start 8 first", "tmessage 140 hi x8", "stop", "scommit 8 150 158"},
                           {"message hi of 8/150", "mark 158"}},
                    Script{"outside_but_in_a_stream_block_goes_out_though_it_is_rolled_back",
                           {"start 8 first", "tmessage 139 gone x8", "message 140 stays x8", "stop",
                            "abort 8 8", "idle 200"},
                           {"message stays of 0/140", "mark 140", "mark 200"}}),
    name_of_script);

INSTANTIATE_TEST_SUITE_P(
    Streamed, StreamScript,
    testing::Values(
        Script{"goes_out_on_commit_only",
               {"start 8 first", "table t x8", "insert t 1 x8", "stop", "begin 7 140", "table u",
                "insert u 5", "commit 140 148", "start 8", "insert t 2 x8", "stop", "scommit 8 150 158"},
               {"insert u 5 of 7/140", "mark 148", "insert t 1 of 8/150", "insert t 2 of 8/150", "mark 158"}},
        Script{"aborted_gives_nothing",
               {"start 8 first", "table t x8", "insert t 1 x8", "stop", "abort 8 8", "idle 200"},
               {"mark 200"}},
        Script{"subtransaction_rolled_back",
               {"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x9", "insert t 3 x9", "stop",
                "abort 8 9", "start 8", "insert t 4 x8", "stop", "scommit 8 150 158"},
               {"insert t 1 of 8/150", "insert t 4 of 8/150", "mark 158"}},
        Script{"children_of_a_subtransaction_go_with_it",
               {"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x9", "insert t 3 x10",
                "insert t 4 x9", "stop", "abort 8 10", "abort 8 9", "scommit 8 150 158"},
               {"insert t 1 of 8/150", "mark 158"}},
        Script{"child_that_wrote_before_its_parent",  // savepoint p, savepoint c, insert, release c, insert,
                                                      // roll back p
               {"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x10", "insert t 3 x9", "stop",
                "abort 8 10", "abort 8 9", "scommit 8 150 158"},
               {"insert t 1 of 8/150", "mark 158"}},
        Script{"released_subtransaction_stays",
               {"start 8 first", "table t x8", "insert t 1 x9", "insert t 2 x10", "stop", "abort 8 10",
                "scommit 8 150 158"},
               {"insert t 1 of 8/150", "mark 158"}},
        Script{"subtransaction_without_changes_rolls_back_nothing",
               {"start 8 first", "table t x8", "insert t 1 x8", "stop", "abort 8 77", "scommit 8 150 158"},
               {"insert t 1 of 8/150", "mark 158"}},
        Script{"abort_of_what_was_never_sent", {"abort 8 8", "begin 7 150", "commit 150 158"}, {"mark 158"}},
        Script{"two_at_once",
               {"start 8 first", "table t x8", "insert t 1 x8", "stop", "start 9 first", "table t x9",
                "insert t 2 x9", "stop", "start 8", "insert t 3 x8", "stop", "scommit 9 150 158",
                "scommit 8 160 168"},
               {"insert t 2 of 9/150", "mark 158", "insert t 1 of 8/160", "insert t 3 of 8/160", "mark 168"}},
        Script{"truncate_and_origin",
               {"start 8 first", "origin o 0", "table t x8", "table u x8", "truncate t u x8", "stop",
                "scommit 8 150 158"},
               {"truncate t of 8/150 from o/?", "truncate u of 8/150 from o/?", "mark 158"}},
        Script{"shape_announced_inside_is_everybodys_after_the_commit",
               {"begin 7 140", "table t", "insert t 1", "commit 140 148", "start 8 first", "wide t x8",
                "insert t 2 x8", "stop", "scommit 8 150 158", "begin 9 160", "insert t 3", "commit 160 168"},
               {"insert t 1 of 7/140", "mark 148", "insert t 2 of 8/150", "mark 158", "insert t 3 of 9/160",
                "mark 168"}},
        Script{"shape_announced_inside_does_not_replace_a_newer_one",
               {"start 8 first", "table t x8", "insert t 1 x9", "stop", "abort 8 9", "begin 7 140", "wide t",
                "insert t 2", "commit 140 148", "scommit 8 150 158", "begin 10 160", "insert t 3",
                "commit 160 168"},
               {"insert t 2 of 7/140", "mark 148", "mark 158", "insert t 3 of 10/160", "mark 168"}},
        Script{"empty", {"start 8 first", "stop", "scommit 8 150 158"}, {"mark 158"}},
        Script{"with_lsn_in_aborts",
               {"session 0 0 parallel", "start 8 first", "table t x8", "insert t 1 x8", "stop", "abort 8 8",
                "idle 90"},
               {"mark 90"}}),
    name_of_script);

INSTANTIATE_TEST_SUITE_P(
    Prepared, StreamScript,
    testing::Values(
        Script{"goes_out_on_commit_and_holds_back_what_is_told",
               {"bprepare 7 g 140 148", "table t", "insert t 1", "prepare 7 g 140 148", "begin 8 150",
                "insert t 2", "commit 150 158", "kcommit 7 g 200 208"},
               {"insert t 2 of 8/150", "mark 158 tell 140", "insert t 1 of 7/200", "mark 208"}},
        Script{"rolled_back",
               {"bprepare 7 g 140 148", "table t", "insert t 1", "prepare 7 g 140 148", "idle 150",
                "rollback g 148 208", "idle 300"},
               {"mark 150 tell 140", "mark 300"}},
        Script{"rollback_of_an_unknown_one_passes", {"rollback g 148 208", "idle 300"}, {"mark 300"}},
        Script{"streamed_and_then_prepared",
               {"start 8 first", "table t x8", "insert t 1 x8", "stop", "sprepare 8 g 140 148",
                "kcommit 8 g 200 208"},
               {"insert t 1 of 8/200", "mark 208"}},
        Script{"truncate_message_and_origin",
               {"bprepare 7 g 140 148", "origin o 99", "table t", "truncate t", "tmessage 139 hi",
                "prepare 7 g 140 148", "kcommit 7 g 200 208"},
               {"truncate t of 7/200 from o/99", "message hi of 7/200 from o/99", "mark 208"}},
        Script{"two_wait_the_lowest_is_told",
               {"bprepare 7 g 140 148", "prepare 7 g 140 148", "bprepare 8 h 150 158", "prepare 8 h 150 158",
                "idle 160", "kcommit 7 g 170 178", "idle 180"},
               {"mark 160 tell 140", "mark 178 tell 150", "mark 180 tell 150"}},
        Script{
            "commit_delivered_before", {"session 300 100", "kcommit 7 g 200 208", "idle 310"}, {"mark 310"}},
        Script{"commit_of_rows_that_are_not_sent_again",
               {"session 100 100", "kcommit 7 g 200 208"},
               {},
               "prepared transaction 'g' commits at 0/C8, but its rows were acknowledged"}),
    name_of_script);

// --- after a restart or a reconnect
// -----------------------------------------------------------------------------

INSTANTIATE_TEST_SUITE_P(
    Resume, StreamScript,
    testing::Values(
        Script{"commits_below_the_position_are_dropped",
               {"session 158 100", "begin 7 150", "table t", "insert t 1", "commit 150 158", "begin 8 160",
                "insert t 2", "commit 160 168"},
               {"insert t 2 of 8/160", "mark 168"}},
        Script{"commit_right_at_the_position_is_new",
               {"session 158 158", "begin 8 158", "table t", "insert t 2", "commit 158 166"},
               {"insert t 2 of 8/158", "mark 166"}},
        Script{"streamed_transaction_delivered_before",
               {"session 158 100", "start 8 first", "table t x8", "insert t 1 x8", "stop",
                "scommit 8 150 158", "begin 9 160", "insert t 2", "commit 160 168"},
               {"insert t 2 of 9/160", "mark 168"}},
        Script{"last_transaction_comes_again_the_same",
               {"session 158 100 last 150 158 7 2", "begin 6 120", "commit 120 128", "begin 7 150", "table t",
                "insert t 1", "insert t 2", "commit 150 158", "begin 8 160", "insert t 3", "commit 160 168"},
               {"insert t 3 of 8/160", "mark 168"}},
        Script{"last_transaction_streamed_again_the_same",
               {"session 158 100 last 150 158 8 2", "start 8 first", "table t x8", "insert t 1 x8",
                "insert t 2 x8", "stop", "scommit 8 150 158", "idle 200"},
               {"mark 200"}},
        Script{"earlier_transactions_may_differ_from_the_last",
               {"session 158 100 last 150 158 7 1", "begin 5 110", "table t", "insert t 1", "insert t 2",
                "commit 110 118", "begin 7 150", "insert t 1", "commit 150 158", "idle 200"},
               {"mark 200"}},
        Script{"empty_transactions_prove_and_disprove_nothing",
               {"session 170 100 last 150 158 7 1", "begin 7 150", "table t", "insert t 1", "commit 150 158",
                "begin 8 160", "commit 160 168", "idle 200"},
               {"mark 200"}},
        Script{"confirmed_beyond_the_last_needs_no_proof",
               {"session 170 160 last 150 158 7 1", "idle 200"},
               {"mark 200"}},
        Script{"confirmed_at_its_commit_record_must_prove",
               {"session 158 150 last 150 158 7 1", "idle 200"},
               {},
               "the transaction with its commit at 0/96 was delivered"}),
    name_of_script);

INSTANTIATE_TEST_SUITE_P(
    OtherHistory, StreamScript,
    testing::Values(
        Script{"last_transaction_missing",
               {"session 158 100 last 150 158 7 1", "begin 8 160", "table t"},
               {},
               "the log is not the one that was read before"},
        Script{"last_transaction_missing_at_a_keepalive",
               {"session 158 100 last 150 158 7 1", "idle 200"},
               {},
               "the log is not the one that was read before"},
        Script{"last_transaction_missing_at_a_message",
               {"session 158 100 last 150 158 7 1", "message 200 hi"},
               {},
               "the log is not the one that was read before"},
        Script{"with_another_xid",
               {"session 158 100 last 150 158 7 1", "begin 9 150", "table t", "insert t 1", "commit 150 158"},
               {},
               "(xid 9, 1 changes), below the delivered position 0/9E, whose last transaction has its commit "
               "at 0/96 (xid 7"},
        Script{"with_another_count",
               {"session 158 100 last 150 158 7 2", "begin 7 150", "table t", "insert t 1", "commit 150 158"},
               {},
               "the log is not the one that was read before"},
        Script{"with_another_end",
               {"session 158 100 last 150 158 7 1", "begin 7 150", "table t", "insert t 1", "commit 150 157"},
               {},
               "the log is not the one that was read before"},
        Script{"one_more_behind_the_last",
               {"session 170 100 last 150 158 7 1", "begin 7 150", "table t", "insert t 1", "commit 150 158",
                "begin 8 160", "insert t 1", "commit 160 168"},
               {},
               "the server sends a transaction with its commit at 0/A0 (xid 8"},
        Script{"streamed_last_with_another_count",
               {"session 158 100 last 150 158 8 2", "start 8 first", "table t x8", "insert t 1 x8", "stop",
                "scommit 8 150 158"},
               {},
               "the log is not the one that was read before"}),
    name_of_script);

INSTANTIATE_TEST_SUITE_P(
    Reconnect, StreamScript,
    testing::Values(
        Script{"open_transaction_goes_on_behind_what_was_pushed",
               {"begin 7 150", "table t", "insert t 1", "insert t 2", "reconnect 100", "begin 7 150",
                "table t", "insert t 1", "insert t 2", "insert t 3", "commit 150 158"},
               {"insert t 1 of 7/150", "insert t 2 of 7/150", "insert t 3 of 7/150", "mark 158"}},
        Script{"no_position_stands_in_the_middle_of_what_was_pushed",
               {"begin 7 150", "table t", "insert t 1", "reconnect 100", "idle 120", "begin 7 150", "table t",
                "insert t 1", "insert t 2", "commit 150 158", "idle 170"},
               {"insert t 1 of 7/150", "insert t 2 of 7/150", "mark 158", "mark 170"}},
        Script{"twice",
               {"begin 7 150", "table t", "insert t 1", "insert t 2", "reconnect 100", "begin 7 150",
                "table t", "insert t 1", "reconnect 100", "begin 7 150", "table t", "insert t 1",
                "insert t 2", "insert t 3", "commit 150 158"},
               {"insert t 1 of 7/150", "insert t 2 of 7/150", "insert t 3 of 7/150", "mark 158"}},
        Script{"truncate_of_two_tables_was_pushed_whole",
               {"begin 7 150", "table t", "table u", "insert t 1", "truncate t u", "reconnect 100",
                "begin 7 150", "table t", "table u", "insert t 1", "truncate t u", "commit 150 158"},
               {"insert t 1 of 7/150", "truncate t of 7/150", "truncate u of 7/150", "mark 158"}},
        Script{"transactional_message_counts",
               {"begin 7 150", "tmessage 140 a", "reconnect 100", "begin 7 150", "tmessage 140 a",
                "tmessage 141 b", "commit 150 158"},
               {"message a of 7/150", "message b of 7/150", "mark 158"}},
        Script{
            "filtered_rows_count",
            {"begin 7 150", "table h", "insert h 1", "table t", "insert t 1", "reconnect 100", "begin 7 150",
             "table h", "insert h 1", "table t", "insert t 1", "insert t 2", "commit 150 158"},
            {"insert t 1 of 7/150", "insert t 2 of 7/150", "mark 158"}},
        Script{"came_back_streamed",
               {"begin 7 150", "table t", "insert t 1", "reconnect 100", "start 7 first", "table t x7",
                "insert t 1 x7", "insert t 2 x7", "stop", "scommit 7 150 158"},
               {"insert t 1 of 7/150", "insert t 2 of 7/150", "mark 158"}},
        Script{"streamed_blocks_are_sent_again",
               {"start 8 first", "table t x8", "insert t 1 x8", "stop", "reconnect 100", "start 8 first",
                "table t x8", "insert t 1 x8", "stop", "scommit 8 150 158"},
               {"insert t 1 of 8/150", "mark 158"}},
        Script{
            "prepared_rows_are_sent_again",
            {"bprepare 7 g 140 148", "table t", "insert t 1", "prepare 7 g 140 148", "reconnect 100",
             "bprepare 7 g 140 148", "table t", "insert t 1", "prepare 7 g 140 148", "kcommit 7 g 200 208"},
            {"insert t 1 of 7/200", "mark 208"}},
        Script{"finished_transactions_are_not_repeated",
               {"begin 7 150", "table t", "insert t 1", "commit 150 158", "reconnect 100", "begin 7 150",
                "table t", "insert t 1", "commit 150 158", "begin 8 160", "insert t 2", "commit 160 168"},
               {"insert t 1 of 7/150", "mark 158", "insert t 2 of 8/160", "mark 168"}},
        Script{"came_back_shorter",
               {"begin 7 150", "table t", "insert t 1", "insert t 2", "reconnect 100", "begin 7 150",
                "table t", "insert t 1", "commit 150 158"},
               {"insert t 1 of 7/150", "insert t 2 of 7/150"},
               "came again with 1 changes, but 2 of it were read"},
        Script{"did_not_come_back",
               {"begin 7 150", "table t", "insert t 1", "reconnect 100", "begin 8 160"},
               {"insert t 1 of 7/150"},
               "the first part of the transaction with its commit at 0/96"},
        Script{"did_not_come_back_by_a_keepalive",
               {"begin 7 150", "table t", "insert t 1", "reconnect 100", "idle 200"},
               {"insert t 1 of 7/150"},
               "the first part of the transaction with its commit at 0/96"},
        Script{"relations_must_be_announced_again",
               {"begin 7 150", "table t", "commit 150 158", "reconnect 158", "begin 8 160", "insert t 1"},
               {"mark 158"},
               "bad row"}),
    name_of_script);

// --- what no server may send
// -----------------------------------------------------------------------------

INSTANTIATE_TEST_SUITE_P(
    Malformed, StreamScript,
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

// --- relations
// -----------------------------------------------------------------------------

TEST(ChangeStream, AsksTheCatalogForEachAnnouncedCapturedTable) {
  ScriptedStream stream;
  stream.run({"begin 7 150", "table t", "table h", "wide t", "table u", "commit 150 158"});
  EXPECT_THAT(stream.relations().made, ElementsAre("t", "h?", "t", "u"));
  EXPECT_EQ(stream.table_questions(), 3U);
}

TEST(ChangeStream, AsksWhatBecameOfSubtransactionsBeforeItBelievesThem) {
  const Lines steps = {"start 8 first", "table t x8",     "insert t 1 x8", "insert t 2 x10",
                       "insert t 3 x9", "insert t 4 x11", "stop",          "abort 8 11"};
  ScriptedStream honest;
  honest.run(steps);
  EXPECT_EQ(honest.once("scommit 8 150 158"), Result::kOk);
  EXPECT_EQ(honest.unchecked(), (std::vector<std::uint32_t>{9, 10}))
      << "not the one that was rolled back, nor itself";
  ScriptedStream silent;
  silent.roll_back_in_silence();
  silent.run(steps);
  EXPECT_EQ(silent.once("scommit 8 150 158"), Result::kNeedsWhole);
  EXPECT_EQ(silent.drain(), Lines{}) << "nothing of it goes out";
  // Sent again as a whole, without what was rolled back.
  silent.run({"reconnect 0", "begin 8 150", "table t", "insert t 1", "commit 150 158"});
  EXPECT_EQ(silent.drain(), (Lines{"insert t 1 of 8/150", "mark 158"}));
}

TEST(ChangeStream, RowsUseTheShapeAnnouncedBeforeThem) {
  ScriptedStream stream;
  stream.run(
      {"begin 7 150", "table t", "insert t 1", "wide t", "insert t 2", "insert t 3", "commit 150 158"});
  EXPECT_THAT(stream.drain(),
              ElementsAre("insert t 1 of 7/150", "insert t 2 of 7/150", "insert t 3 of 7/150", "mark 158"));
}

TEST(ChangeStream, ShapeOfARolledBackTransactionIsForgotten) {
  ScriptedStream stream;
  // The server announces the table again for others; what the transaction said of it must not count.
  stream.run({"begin 7 140", "table t", "insert t 1", "commit 140 148", "start 8 first", "wide t x8",
              "insert t 2 x8", "stop"});
  stream.run({"begin 9 150"});
  EXPECT_EQ(stream.raw(std::string("I\0\0\0\x64N\0\2t\0\0\0\1"
                                   "5n",
                                   15),
                       77),
            Result::kOk);
  stream.run({"commit 150 158", "abort 8 8"});
  EXPECT_THAT(stream.drain(),
              ElementsAre("insert t 1 of 7/140", "mark 148", "insert t 5 of 9/150", "mark 158"));
}

// --- no batch, no slab
// -----------------------------------------------------------------------------

/// Every message is offered until it is taken; while nothing is free, nothing may be lost or repeated.
TEST(ChangeStream, IsBlockedAnywhereAndGoesOn) {
  const Lines steps = {"begin 7 150",    "table t",         "table u",       "insert t 1",
                       "truncate t u",   "tmessage 140 a",  "message 145 b", "insert u 2",
                       "commit 150 158", "message 159 c",   "start 8 first", "table t x8",
                       "insert t 3 x8",  "truncate t u x8", "stop",          "scommit 8 160 168",
                       "idle 170"};
  ScriptedStream roomy;
  roomy.run(steps);
  const Lines expected = roomy.drain();
  ASSERT_EQ(roomy.failure(), "");
  for (const std::size_t batches : {1U, 2U, 3U}) {
    StreamSetup setup;
    setup.batches = batches;
    Lines wanted = expected;
    ScriptedStream tight(setup);
    tight.cut_every_change();
    tight.run(steps);
    Lines got = tight.drain();
    // A mark that finds no free batch is left to the next one, which says more.
    if (std::find(got.begin(), got.end(), "mark 159") == got.end()) std::erase(wanted, "mark 159");
    EXPECT_EQ(got, wanted) << batches;
    EXPECT_EQ(tight.failure(), "");
  }
}

TEST(ChangeStream, TruncateBlockedBetweenItsTablesSurvivesAReconnect) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.run({"begin 7 150", "table t", "table u"});
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("truncate t u"), Result::kBlocked) << "the batch with the first table is out";
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("truncate t of 7/150"));
  stream.run(
      {"reconnect 100", "begin 7 150", "table t", "table u", "truncate t u", "insert t 1", "commit 150 158"});
  EXPECT_THAT(stream.drain(), ElementsAre("truncate u of 7/150", "insert t 1 of 7/150", "mark 158"));
}

TEST(ChangeStream, ReplayedTruncateBlockedBetweenItsTablesSurvivesAReconnect) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "table u x8", "truncate t u x8", "stop"});
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("truncate t of 8/150"));
  stream.run({"reconnect 100", "start 8 first", "table t x8", "table u x8", "truncate t u x8", "stop",
              "scommit 8 150 158"});
  EXPECT_THAT(stream.drain(), ElementsAre("truncate u of 8/150", "mark 158"));
}

TEST(ChangeStream, MarkOfAMessageThatFilledTheLastBatchFollows) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("message 140 hi"), Result::kOk);
  EXPECT_EQ(stream.once("idle 100"), Result::kBlocked) << "the mark is owed";
  stream.keep_batches(false);
  stream.run({"idle 100"});
  EXPECT_THAT(stream.drain(), ElementsAre("message hi of 0/140", "mark 140"));
}

TEST(ChangeStream, ALongReplayLeavesOthersTheirTurns) {
  StreamSetup setup;
  setup.slab_budget = 16 << 20;
  ScriptedStream stream(setup);
  Lines steps = {"start 8 first", "table h x8"};
  for (int i = 0; i < 12; ++i) steps.push_back("insert h " + std::to_string(i) + " 1000000 x8");
  stream.run(steps);
  stream.run({"stop"});
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kReplaying) << "the server may wait for a status";
  EXPECT_EQ(stream.replay(), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kOk);
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("mark 158"));
}

TEST(ChangeStream, ReplayWaitsForSlabs) {
  StreamSetup setup;
  setup.slab_budget = 4096;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x8", "stop"});
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  Slab* const taken = stream.slabs().take();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  stream.slabs().release(taken);
  EXPECT_EQ(stream.replay(), Result::kOk);
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("insert t 1 of 8/150", "insert t 2 of 8/150", "mark 158"));
  EXPECT_EQ(stream.slabs().used_bytes(), 0U);
}

TEST(ChangeStream, ReplayedRowsMayStraddleSlabsAndExceedThem) {
  StreamSetup setup;
  setup.slab_bytes = 512;
  ScriptedStream stream(setup);
  Lines steps = {"start 8 first", "table t x8"};
  Lines expected;
  for (int i = 0; i < 60; ++i) {
    steps.push_back("insert t " + std::to_string(i) + " " + std::to_string(i * 17) + " x8");
    expected.push_back("insert t " + std::to_string(i) + " of 8/150");
  }
  steps.insert(steps.end(), {"insert t 60 100000 x8", "stop", "scommit 8 150 158"});
  expected.insert(expected.end(), {"insert t 60 of 8/150", "mark 158"});
  stream.run(steps);
  EXPECT_EQ(stream.failure(), "");
  EXPECT_EQ(stream.drain(), expected);
  EXPECT_EQ(stream.slabs().used_bytes(), 0U);
  EXPECT_GT(stream.stream().counters().replay_chunks, 30U);
}

TEST(ChangeStream, LosingTheStreamInAReplayGivesItsSlabBack) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x8", "stop"});
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  stream.keep_batches(false);
  stream.run({"reconnect 100", "start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x8", "stop",
              "scommit 8 150 158"});
  EXPECT_THAT(stream.drain(), ElementsAre("insert t 1 of 8/150", "insert t 2 of 8/150", "mark 158"));
  EXPECT_EQ(stream.slabs().used_bytes(), 0U);
}

TEST(ChangeStream, SpilledTransactionComesBackWhole) {
  StreamSetup setup;
  setup.held_bytes = 1024;
  setup.held_block_bytes = 128;
  ScriptedStream stream(setup);
  Lines steps = {"start 8 first", "table t x8"};
  Lines expected;
  for (int i = 0; i < 200; ++i) {
    steps.push_back("insert t " + std::to_string(i) + " 40 x" + std::to_string(i % 10 == 9 ? 100 + i : 8));
    if (i % 10 != 9) expected.push_back("insert t " + std::to_string(i) + " of 8/150");
    if (i % 10 == 9) steps.insert(steps.end(), {"stop", "abort 8 " + std::to_string(100 + i), "start 8"});
  }
  steps.insert(steps.end(), {"stop", "scommit 8 150 158"});
  expected.push_back("mark 158");
  stream.run(steps);
  EXPECT_EQ(stream.drain(), expected);
  EXPECT_GT(stream.budget().spilled_total(), 10'000U);
  EXPECT_EQ(stream.budget().used_bytes(), 0U);
}

TEST(ChangeStream, MoreSubtransactionsThanMemoryHoldsAreLeftToTheServer) {
  StreamSetup setup;
  setup.held_bytes = 1 << 20;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8"});
  int subtransactions = 0;
  while (stream.once("insert t 1 x" + std::to_string(100 + subtransactions)) == Result::kOk) {
    ASSERT_LT(++subtransactions, 100'000);
  }
  EXPECT_GT(subtransactions, 10'000);
  EXPECT_TRUE(stream.stream().status().ok()) << "asked for as a whole, it passes";
  stream.run({"reconnect 0", "begin 8 150", "table t", "insert t 1", "commit 150 158"});
  EXPECT_EQ(stream.drain(), (Lines{"insert t 1 of 8/150", "mark 158"}));
  EXPECT_EQ(stream.budget().noted_bytes(), 0U);
}

TEST(ChangeStream, FailureToSpillStops) {
  StreamSetup setup;
  setup.held_bytes = 256;
  ScriptedStream stream(setup);
  stream.scratch().fails = true;
  stream.run({"start 8 first", "table t x8", "insert t 1 400 x8"});
  EXPECT_THAT(stream.failure(), HasSubstr("no space left on device"));
  EXPECT_EQ(reason_of(stream.stream().status()), ReasonCode::kMemoryLimit);
}

TEST(ChangeStream, FailureToReadBackStops) {
  StreamSetup setup;
  setup.held_bytes = 256;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "insert t 1 400 x8", "stop"});
  stream.scratch().fails = true;
  stream.run({"scommit 8 150 158"});
  EXPECT_THAT(stream.failure(), HasSubstr("cannot read"));
  EXPECT_THAT(stream.drain(), IsEmpty());
}

// --- what is counted
// -----------------------------------------------------------------------------

TEST(ChangeStream, CountsWhatTheServerSent) {
  ScriptedStream stream;
  stream.run({"session 158 100", "begin 7 150", "table t", "table u", "insert t 1", "commit 150 158",
              "begin 8 160", "truncate t u", "insert t 2", "commit 160 168", "start 9 first", "insert t 3 x9",
              "insert t 4 x10", "stop", "abort 9 10", "abort 9 9"});
  const postgres::ChangeStream::Counters& counters = stream.stream().counters();
  EXPECT_EQ(counters.changes, 5U) << "a truncate is one";
  EXPECT_EQ(counters.transactions, 1U);
  EXPECT_EQ(counters.dropped_transactions, 1U);
  EXPECT_EQ(counters.rolled_back, 2U);
}

TEST(ChangeStream, PositionNamesTheLastTransactionWithChanges) {
  ScriptedStream stream;
  stream.run({"begin 7 150", "table t", "table u", "insert t 1", "truncate t u", "commit 150 158",
              "begin 8 160", "commit 160 168", "idle 200"});
  const postgres::LogPosition& position = stream.stream().position();
  EXPECT_EQ(position.lsn, 200U);
  EXPECT_EQ(position.last, (postgres::TransactionIdentity{150, 158, 7, 946'684'800'000'007, 2}));
}

TEST(ChangeStream, ContextOfATransaction) {
  ScriptedStream stream;
  stream.run({"begin 7 150", "table t", "insert t 1", "commit 150 158", "begin 8 160", "insert t 2",
              "commit 160 168"});
  stream.drain();
  stream.keep_batches(true);
  stream.run({"begin 9 170", "insert t 3"});
  EXPECT_EQ(stream.stream().open_commit_time_us(), 946'684'800'000'009);
  stream.cut();
  ASSERT_EQ(stream.outlet().pushed.size(), 1U);
  const Batch& batch = *stream.outlet().pushed.front();
  ASSERT_EQ(batch.transactions.size(), 1U);
  EXPECT_EQ(batch.transactions[0].id, 9U);
  EXPECT_EQ(batch.transactions[0].commit_position, 170U);
  EXPECT_EQ(batch.transactions[0].previous_commit, 168U) << "end of the last transaction with changes";
  EXPECT_EQ(batch.transactions[0].commit_time_us, 946'684'800'000'009);
  ASSERT_EQ(batch.changes.size(), 1U);
  EXPECT_EQ(batch.changes[0].position, 17U) << "where the row's frame begins";
  stream.keep_batches(false);
  stream.drain();
}

}  // namespace
}  // namespace millrace::test
