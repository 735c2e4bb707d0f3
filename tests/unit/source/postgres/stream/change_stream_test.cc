// SPDX-License-Identifier: Apache-2.0
// Which changes go out, in which transaction, and where the log may be resumed: every pgoutput message in
// every order that a server sends, and in orders that none may.
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

class StreamScript : public testing::TestWithParam<Script> {};
TEST_P(StreamScript, GivesTheseChanges) { expect_script(GetParam()); }

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
