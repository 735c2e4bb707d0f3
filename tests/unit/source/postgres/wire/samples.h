// SPDX-License-Identifier: Apache-2.0
// One valid body of every pgoutput message and of every form it has, with what it says.
#pragma once
#include <cstdint>

#include "reference/postgres_reference.h"

namespace millrace::test {

struct MessageSample {
  const char* name;
  bool in_stream;
  bool abort_with_lsn;
  const char* hex;   ///< Type byte included.
  const char* text;  ///< As the reference decoder's to_string() has it.
};

/// Rows in the samples are of this relation, with two columns.
inline constexpr std::uint32_t kSampleRelation = 0x4001;

inline reference::postgres::Context context_of(const MessageSample& sample) {
  return {sample.in_stream, sample.abort_with_lsn, {{kSampleRelation, 2}}};
}

inline constexpr MessageSample kMessageSamples[] = {
    {"begin", false, false, "42 00000000016b3748 0002b57e9397be40 000002ee",
     "B xid=750 lsn=23803720 time=762505200123456"},
    {"commit", false, false, "43 00 00000000016b3748 00000000016b3778 0002b57e9397be40",
     "C lsn=23803720 end_lsn=23803768 time=762505200123456"},
    {"origin", false, false, "4f 0000000000000100 'node_a' 00", "O lsn=256 .node_a"},
    {"origin_streamed", true, false, "4f 0000000000000000 'node_a' 00", "O .node_a"},
    {"relation_without_columns", false, false, "52 00004001 'public' 00 't' 00 64 0000",
     "R oid=16385 public.t identity=d"},
    {"relation_two_columns_key_first", false, false,
     "52 00004001 'public' 00 'users' 00 66 0002 01 'id' 00 00000014 ffffffff 00 'name' 00 00000413 00000024",
     "R oid=16385 public.users identity=f id*:20/-1 name:1043/36"},
    {"relation_in_pg_catalog", false, false, "52 00000a01 00 'pg_x' 00 6e 0000",
     "R oid=2561 .pg_x identity=n"},
    {"relation_streamed", true, false, "52 000002ee 00004001 'public' 00 't' 00 69 0000",
     "R stream_xid=750 oid=16385 public.t identity=i"},
    {"type", false, false, "59 00004010 'public' 00 'mood' 00", "Y oid=16400 public.mood"},
    {"type_of_a_domain", false, false, "59 00004010 00 'int4' 00", "Y oid=16400 .int4"},
    {"type_streamed", true, false, "59 000002ee 00004010 'public' 00 'mood' 00",
     "Y stream_xid=750 oid=16400 public.mood"},
    {"insert", false, false, "49 00004001 4e 0002 74 00000002 '42' 6e", "I oid=16385 N[t:42 n ]"},
    {"insert_binary", false, false, "49 00004001 4e 0002 62 00000001 'x' 74 00000000",
     "I oid=16385 N[b:x t: ]"},
    {"insert_streamed", true, false, "49 000002ee 00004001 4e 0002 6e 74 00000001 'x'",
     "I stream_xid=750 oid=16385 N[n t:x ]"},
    {"update_without_old", false, false, "55 00004001 4e 0002 74 00000001 '1' 75", "U oid=16385 N[t:1 u ]"},
    {"update_with_key", false, false, "55 00004001 4b 0002 74 00000001 '1' 6e 4e 0002 74 00000001 '2' 6e",
     "U oid=16385 K[t:1 n ] N[t:2 n ]"},
    {"update_with_full_old", false, false,
     "55 00004001 4f 0002 74 00000001 '1' 74 00000001 'a' 4e 0002 74 00000001 '1' 75",
     "U oid=16385 O[t:1 t:a ] N[t:1 u ]"},
    {"update_streamed", true, false, "55 000002ee 00004001 4e 0002 6e 6e",
     "U stream_xid=750 oid=16385 N[n n ]"},
    {"delete_with_key", false, false, "44 00004001 4b 0002 74 00000001 '1' 6e", "D oid=16385 K[t:1 n ]"},
    {"delete_with_full_old", false, false, "44 00004001 4f 0002 74 00000001 '1' 6e", "D oid=16385 O[t:1 n ]"},
    {"delete_streamed", true, false, "44 000002ee 00004001 4b 0002 6e 6e",
     "D stream_xid=750 oid=16385 K[n n ]"},
    {"truncate_of_one", false, false, "54 00000001 00 00004001", "T 16385"},
    {"truncate_of_two_cascade_restart", false, false, "54 00000002 03 00004001 00004002",
     "T flags=3 16385 16386"},
    {"truncate_streamed", true, false, "54 000002ee 00000001 02 00004001", "T stream_xid=750 flags=2 16385"},
    {"message", false, false, "4d 00 00000000016b3748 'prefix' 00 00000003 'abc'",
     "M lsn=23803720 .prefix content=abc"},
    {"message_empty", false, false, "4d 01 00000000016b3748 00 00000000", "M lsn=23803720 flags=1"},
    {"message_streamed", true, false, "4d 000002ee 01 00000000016b3748 'p' 00 00000001 'x'",
     "M stream_xid=750 lsn=23803720 flags=1 .p content=x"},
    {"stream_start_first", false, false, "53 000002ee 01", "S xid=750 flags=1"},
    {"stream_start_again", false, false, "53 000002ee 00", "S xid=750"},
    {"stream_stop", true, false, "45", "E"},
    {"stream_commit", false, false, "63 000002ee 00 00000000016b3748 00000000016b3778 0002b57e9397be40",
     "c xid=750 lsn=23803720 end_lsn=23803768 time=762505200123456"},
    {"stream_abort", false, false, "41 000002ee 000002ef", "A xid=750 subxid=751"},
    {"stream_abort_with_lsn", false, true, "41 000002ee 000002ef 00000000016b3748 0002b57e9397be40",
     "A xid=750 subxid=751 lsn=23803720 time=762505200123456"},
    {"begin_prepare", false, false, "62 0000000000000001 0000000000000002 0000000000000003 000002ee 'gid' 00",
     "b xid=750 lsn=1 end_lsn=2 time=3 .gid"},
    {"prepare", false, false, "50 00 0000000000000001 0000000000000002 0000000000000003 000002ee 'gid' 00",
     "P xid=750 lsn=1 end_lsn=2 time=3 .gid"},
    {"commit_prepared", false, false,
     "4b 00 0000000000000001 0000000000000002 0000000000000003 000002ee 'gid' 00",
     "K xid=750 lsn=1 end_lsn=2 time=3 .gid"},
    {"rollback_prepared", false, false,
     "72 00 0000000000000001 0000000000000002 0000000000000003 0000000000000004 000002ee 'gid' 00",
     "r xid=750 lsn=1 end_lsn=2 time=3 end_time=4 .gid"},
    {"stream_prepare", false, false,
     "70 00 0000000000000001 0000000000000002 0000000000000003 000002ee 'gid' 00",
     "p xid=750 lsn=1 end_lsn=2 time=3 .gid"},
};

}  // namespace millrace::test
