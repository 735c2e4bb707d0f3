// SPDX-License-Identifier: Apache-2.0
// What a server's or the system's error means: the reason a run would stop with, and whether it is tried
// again.
#include "source/postgres/session/errors.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <string>

namespace millrace::postgres {
namespace {

using testing::HasSubstr;
using enum ReasonCode;

struct Case {
  const char* name;
  Phase phase;
  const char* sqlstate;
  const char* message;
  ReasonCode reason;
  Action action;
};
class Classified : public testing::TestWithParam<Case> {};
TEST_P(Classified, AsReasonAndAction) {
  const Case& c = GetParam();
  const Verdict verdict = classify(c.phase, c.sqlstate, c.message);
  EXPECT_EQ(reason_info(verdict.reason).name, reason_info(c.reason).name);
  EXPECT_EQ(static_cast<int>(verdict.action), static_cast<int>(c.action));
}
std::string case_name(const testing::TestParamInfo<Case>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Connecting, Classified,
    testing::Values(
        Case{"password", Phase::kConnect, "28P01", "password authentication failed for user \"u\"",
             kAuthFailed, Action::kWait},
        Case{"pg_hba", Phase::kConnect, "28000", "no pg_hba.conf entry for host \"h\"", kAuthFailed,
             Action::kWait},
        Case{"database", Phase::kConnect, "3D000", "database \"d\" does not exist", kDatabaseMissing,
             Action::kStop},
        Case{"starting_up", Phase::kConnect, "57P03", "the database system is starting up", kConnectRefused,
             Action::kRetry},
        Case{"not_accepting", Phase::kConnect, "55000",
             "database \"d\" is not currently accepting connections", kConnectRefused, Action::kWait},
        Case{"too_many_clients", Phase::kConnect, "53300", "sorry, too many clients already", kConnectRefused,
             Action::kRetry},
        Case{"too_many_walsenders", Phase::kConnect, "53300",
             "number of requested standby connections exceeds \"max_wal_senders\" (currently 10)",
             kSlotsExhausted, Action::kRetry},
        Case{"no_replication_role", Phase::kConnect, "42501", "permission denied to start WAL sender",
             kPermissionDenied, Action::kStop},
        Case{"connection_refused", Phase::kConnect, "",
             "connection to server at \"h\" (10.0.0.1), port 5432 failed: Connection refused",
             kConnectRefused, Action::kRetry},
        Case{"host_unknown", Phase::kConnect, "",
             "could not translate host name \"h\" to address: Name or service not known", kConnectRefused,
             Action::kRetry},
        Case{"timeout", Phase::kConnect, "",
             "connection to server at \"h\", port 5432 failed: timeout expired", kConnectRefused,
             Action::kRetry},
        Case{
            "gss", Phase::kConnect, "",
            "authentication method requirement \"!gss,!sspi\" failed: server requested GSSAPI authentication",
            kAuthFailed, Action::kStop},
        Case{"no_password", Phase::kConnect, "", "fe_sendauth: no password supplied", kAuthFailed,
             Action::kStop},
        Case{"channel_binding", Phase::kConnect, "", "channel binding required, but SSL not in use",
             kAuthFailed, Action::kStop},
        Case{"no_tls_there", Phase::kConnect, "", "server does not support SSL, but SSL was required",
             kTlsFailed, Action::kStop},
        Case{"certificate", Phase::kConnect, "", "SSL error: certificate verify failed", kTlsFailed,
             Action::kStop},
        Case{"root_certificate", Phase::kConnect, "", "root certificate file \"/x\" does not exist",
             kTlsFailed, Action::kStop},
        Case{"network_inside_tls", Phase::kConnect, "", "SSL SYSCALL error: Connection reset by peer",
             kConnectRefused, Action::kRetry},
        Case{"eof_inside_tls", Phase::kConnect, "", "SSL error: unexpected eof while reading",
             kConnectRefused, Action::kRetry},
        Case{"not_postgres", Phase::kConnect, "", "received invalid response to SSL negotiation: H",
             kTlsFailed, Action::kStop},
        // A host's or a folder's name is no reason.
        Case{"host_named_certificate", Phase::kConnect, "",
             "connection to server at \"certificate.example\" (10.0.0.1), port 5432 failed: Connection "
             "refused",
             kConnectRefused, Action::kRetry},
        Case{"socket_folder_named_ssl", Phase::kConnect, "",
             "connection to server on socket \"/SSL/.s.PGSQL.5432\" failed: No such file or directory",
             kConnectRefused, Action::kRetry},
        Case{"host_named_certificate_with_a_bad_one", Phase::kConnect, "",
             "connection to server at \"certificate.example\", port 5432 failed: SSL error: certificate "
             "verify failed",
             kTlsFailed, Action::kStop}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Slots, Classified,
    testing::Values(
        Case{"in_use", Phase::kStart, "55006", "replication slot \"s\" is active for PID 7", kSlotInUse,
             Action::kRetry},
        Case{"gone", Phase::kStart, "42704", "replication slot \"s\" does not exist", kSlotMissing,
             Action::kResnapshot},
        Case{"gone_named_like_a_publication", Phase::kStart, "42704",
             "replication slot \"dbz_publication\" does not exist", kSlotMissing, Action::kResnapshot},
        Case{"gone_in_another_language", Phase::kStart, "42704", "der Slot fehlt", kSlotMissing,
             Action::kResnapshot},
        Case{"invalidated_15", Phase::kStart, "55000", "cannot read from logical replication slot \"s\"",
             kSlotInvalidated, Action::kResnapshot},
        Case{"invalidated_18", Phase::kStart, "55000", "can no longer access replication slot \"s\"",
             kSlotInvalidated, Action::kResnapshot},
        Case{"can_no_longer_get_changes", Phase::kStart, "55000",
             "can no longer get changes from replication slot \"s\"", kSlotInvalidated, Action::kResnapshot},
        Case{"synced", Phase::kStart, "55000",
             "cannot use replication slot \"s\" for logical decoding: it is being synced", kSlotInUse,
             Action::kWait},
        Case{"other_database", Phase::kStart, "55000",
             "replication slot \"s\" was not created in this database", kSlotWrongDatabase, Action::kStop},
        Case{"physical", Phase::kStart, "55000", "cannot use physical replication slot for logical decoding",
             kSlotWrongPlugin, Action::kStop},
        Case{"wal_level", Phase::kCreateSlot, "55000",
             "logical decoding requires \"wal_level\" >= \"logical\"", kWalLevel, Action::kStop},
        Case{"exhausted", Phase::kCreateSlot, "53400", "all replication slots are in use", kSlotsExhausted,
             Action::kWait},
        Case{"made_meanwhile", Phase::kCreateSlot, "42710", "replication slot \"s\" already exists",
             kSlotInUse, Action::kRetry},
        Case{"wal_gone", Phase::kStream, "58P01", "requested WAL segment 00000001 has already been removed",
             kSlotInvalidated, Action::kResnapshot},
        Case{"wal_gone_as_internal_error", Phase::kStart, "XX000",
             "requested WAL segment has already been removed", kSlotInvalidated, Action::kResnapshot}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Rest, Classified,
    testing::Values(
        Case{"publication", Phase::kStream, "42704", "publication \"p\" does not exist", kPublicationMissing,
             Action::kStop},
        Case{"publication_in_another_language", Phase::kStream, "42704", "gibt es nicht", kPublicationMissing,
             Action::kStop},
        Case{"publication_skipped", Phase::kStream, "55000", "skipped loading publication \"p\"",
             kPublicationSkipped, Action::kStop},
        Case{"publication_denied", Phase::kPublication, "42501",
             "must be superuser to create FOR ALL TABLES publication", kPermissionDenied, Action::kStop},
        Case{"publication_on_a_standby", Phase::kPublication, "25006",
             "cannot execute CREATE PUBLICATION in a read-only transaction", kPublicationMissing,
             Action::kStop},
        Case{"publication_made_meanwhile", Phase::kPublication, "42710", "publication \"p\" already exists",
             kRetriesExhausted, Action::kRetry},
        Case{"shutdown", Phase::kStream, "57P01", "terminating connection due to administrator command",
             kConnectRefused, Action::kRetry},
        Case{"crash_of_another", Phase::kStream, "57P02",
             "terminating connection because of crash of another server process", kConnectRefused,
             Action::kRetry},
        Case{"database_dropped", Phase::kStream, "57P04", "the database was dropped", kDatabaseMissing,
             Action::kStop},
        Case{"protocol", Phase::kStream, "08P01", "invalid message", kSourceProtocol, Action::kStop},
        Case{"option", Phase::kStart, "XX000", "unrecognized pgoutput option: origin", kSourceProtocol,
             Action::kStop},
        Case{"corrupt", Phase::kStream, "XX001", "invalid page in block 0", kSourceCorrupt, Action::kStop},
        Case{"internal", Phase::kStream, "XX000", "could not find something", kSourceCorrupt, Action::kRetry},
        Case{"disk_full", Phase::kStream, "53100", "could not write to file", kRetriesExhausted,
             Action::kRetry},
        Case{"io_error", Phase::kSnapshot, "58030", "could not read file", kSourceCorrupt, Action::kRetry},
        Case{"encoding", Phase::kStream, "22P05", "character has no equivalent in encoding",
             kValueUndecodable, Action::kStop},
        Case{"snapshot_gone", Phase::kSnapshot, "22023", "invalid snapshot identifier: \"x\"",
             kSnapshotFailed, Action::kRetry},
        Case{"snapshot_gone_18", Phase::kSnapshot, "42704", "snapshot \"x\" does not exist", kSnapshotFailed,
             Action::kRetry},
        Case{"table_dropped_in_the_snapshot", Phase::kSnapshot, "42P01", "relation \"t\" does not exist",
             kSnapshotFailed, Action::kRetry},
        Case{"snapshot_denied", Phase::kSnapshot, "42501", "permission denied for table t", kPermissionDenied,
             Action::kStop},
        Case{"snapshot_cancelled", Phase::kSnapshot, "57014",
             "canceling statement due to conflict with recovery", kSnapshotFailed, Action::kRetry},
        Case{"serialization", Phase::kSnapshot, "40001", "canceling statement due to conflict",
             kSnapshotFailed, Action::kRetry},
        Case{"too_old", Phase::kStart, "0A000", "not supported", kServerVersion, Action::kStop},
        Case{"unlisted_syntax", Phase::kQuery, "42601", "syntax error", kSourceProtocol, Action::kStop},
        Case{"unlisted_trouble", Phase::kQuery, "72000", "snapshot too old", kRetriesExhausted,
             Action::kRetry},
        Case{"unknown_class", Phase::kQuery, "ZZ999", "?", kRetriesExhausted, Action::kRetry},
        Case{"lost_without_words", Phase::kStream, "", "", kConnectRefused, Action::kRetry},
        Case{"words_count_only_when_connecting", Phase::kStream, "", "SSL error: certificate",
             kConnectRefused, Action::kRetry}),
    case_name);

TEST(ClassifyErrno, NetworksComeBackProgramsDoNot) {
  for (const int number :
       {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EPIPE, ENOENT, EIO}) {
    EXPECT_EQ(classify_errno(number).reason, kConnectRefused) << number;
    EXPECT_EQ(classify_errno(number).action, Action::kRetry) << number;
  }
  for (const int number : {EACCES, EPERM}) EXPECT_EQ(classify_errno(number).action, Action::kWait) << number;
  for (const int number : {EBADF, EFAULT, EINVAL, ENOTSOCK, EAFNOSUPPORT}) {
    EXPECT_EQ(classify_errno(number).reason, kInternal) << number;
    EXPECT_EQ(classify_errno(number).action, Action::kStop) << number;
  }
}

TEST(ServerError, SaysWhatWasDoneWhatWentWrongAndWhatHelps) {
  const absl::Status hba = server_error(Phase::kConnect, "connect to h", "28000",
                                        "no pg_hba.conf entry for host \"h\"", "", "a hint");
  EXPECT_THAT(std::string(hba.message()),
              testing::StartsWith(
                  "postgres: connect to h: no pg_hba.conf entry for host \"h\" [SQLSTATE 28000]. Fix: "
                  "add to pg_hba.conf a line"));
  EXPECT_EQ(reason_of(hba), kAuthFailed);
  EXPECT_EQ(action_of(hba), Action::kWait);
  const absl::Status hinted =
      server_error(Phase::kStream, "stream", "XX000", "odd.", "of\nall", "Try again.");
  EXPECT_EQ(hinted.message(), "postgres: stream: odd (of all) [SQLSTATE XX000]. Hint: Try again");
  const absl::Status slots =
      server_error(Phase::kCreateSlot, "create the slot", "53400", "all replication slots are in use");
  EXPECT_THAT(std::string(slots.message()), HasSubstr("max_replication_slots"));
}

TEST(ServerError, ServersWordsCannotSteerATerminal) {
  const absl::Status status = server_error(Phase::kStream, "stream", "XX000", "a\x1b[2J\r\nb\x7f.\n");
  EXPECT_EQ(status.message(), "postgres: stream: a [2J b [SQLSTATE XX000]");
}

TEST(Actions, TravelWithTheStatus) {
  for (const Action action : {Action::kRetry, Action::kWait, Action::kStop, Action::kResnapshot}) {
    EXPECT_EQ(action_of(action_error({kSlotMissing, action}, "x")), action);
    EXPECT_EQ(to_event(action_error({kSlotMissing, action}, "x")).retryable, is_retryable(action));
  }
  EXPECT_EQ(action_of(absl::InternalError("x")), Action::kStop);
}

TEST(ReportFailed, KeepsWhatTheServerReported) {
  ServerReport report;
  report.sqlstate = "57P01";
  report.message = "terminating connection due to administrator command";
  const EdgeFailed failed = report_failed(Phase::kStream, "stream", report);
  EXPECT_TRUE(failed.retryable);
  EXPECT_EQ(reason_of(failed.status), kConnectRefused);
  EXPECT_THAT(std::string(failed.status.message()), HasSubstr("administrator command [SQLSTATE 57P01]"));
}

}  // namespace
}  // namespace millrace::postgres
