// SPDX-License-Identifier: Apache-2.0
// Every pgoutput message: valid, cut at every length, with a byte too many, and with each field out of its
// bounds. The reference decoder is held to the same tables.
#include "millrace/source/postgres/messages.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "samples.h"
#include "support/hex.h"
#include "support/postgres_wire.h"

namespace millrace::postgres {
namespace {

namespace ref = millrace::reference::postgres;
using test::ExactBytes;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class PostgresMessage : public testing::TestWithParam<test::MessageSample> {};

TEST_P(PostgresMessage, SaysWhatItsFieldsSay) {
  const ExactBytes body(GetParam().hex);
  ref::Message message;
  ASSERT_EQ(test::decode_message(body.span(), context_of(GetParam()), message), DecodeError{});
  EXPECT_EQ(ref::to_string(message), GetParam().text);
}

TEST_P(PostgresMessage, IsTheSameToTheReferenceAndEncodesBack) {
  const ExactBytes body(GetParam().hex);
  const ref::Context context = context_of(GetParam());
  const auto message = ref::decode_message(text_of(body.span()), context);
  ASSERT_TRUE(message);
  EXPECT_EQ(ref::to_string(*message), GetParam().text);
  EXPECT_EQ(ref::encode_message(*message, context), text_of(body.span()));
}

TEST_P(PostgresMessage, CutAnywhereIsTruncated) {
  const ExactBytes whole(GetParam().hex);
  const ref::Context context = context_of(GetParam());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const ExactBytes body = whole.cut_at(n);
    ref::Message message;
    const DecodeError error = test::decode_message(body.span(), context, message);
    EXPECT_EQ(error.reason, Reason::kTruncated) << n;
    EXPECT_LE(error.byte_offset, n);
    EXPECT_FALSE(ref::decode_message(text_of(body.span()), context)) << n;
  }
}

TEST_P(PostgresMessage, OneByteTooManyIsRefused) {
  std::vector<std::byte> bytes = test::from_hex(GetParam().hex);
  bytes.push_back(std::byte{0});
  const ExactBytes body{std::span<const std::byte>(bytes)};
  const ref::Context context = context_of(GetParam());
  ref::Message message;
  EXPECT_EQ(test::decode_message(body.span(), context, message),
            (DecodeError{Reason::kTrailingBytes, static_cast<std::uint32_t>(body.size() - 1)}));
  EXPECT_FALSE(ref::decode_message(text_of(body.span()), context));
}

INSTANTIATE_TEST_SUITE_P(Table, PostgresMessage, testing::ValuesIn(test::kMessageSamples),
                         [](const auto& row) { return std::string(row.param.name); });

struct BadMessage {
  const char* name;
  const char* hex;
  Reason reason;
  std::uint32_t byte_offset;  // from the type byte
  bool in_stream = false;
};
class RejectsMessage : public testing::TestWithParam<BadMessage> {};

TEST_P(RejectsMessage, WithReasonAndOffset) {
  const ExactBytes body(GetParam().hex);
  ref::Context context{GetParam().in_stream, false, {{test::kSampleRelation, 2}}};
  ref::Message message;
  EXPECT_EQ(test::decode_message(body.span(), context, message),
            (DecodeError{GetParam().reason, GetParam().byte_offset}));
  EXPECT_FALSE(ref::decode_message(text_of(body.span()), context));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RejectsMessage,
    testing::Values(
        BadMessage{"commit_flags_1", "43 01 0000000000000001 0000000000000002 0000000000000003",
                   Reason::kBadFlags, 1},
        BadMessage{"origin_without_nul", "4f 0000000000000100 'node'", Reason::kTruncated, 9},
        BadMessage{"relation_schema_without_nul", "52 00004001 'public'", Reason::kTruncated, 5},
        BadMessage{"relation_name_without_nul", "52 00004001 'p' 00 'us'", Reason::kTruncated, 7},
        BadMessage{"relation_identity_z", "52 00004001 'p' 00 't' 00 7a 0000", Reason::kBadReplicaIdentity,
                   9},
        BadMessage{"relation_identity_0", "52 00004001 'p' 00 't' 00 00 0000", Reason::kBadReplicaIdentity,
                   9},
        BadMessage{"relation_1601_columns", "52 00004001 'p' 00 't' 00 64 0641", Reason::kTooManyColumns, 10},
        BadMessage{"relation_columns_negative", "52 00004001 'p' 00 't' 00 64 ffff", Reason::kTooManyColumns,
                   10},
        BadMessage{"relation_1600_columns_and_no_bytes", "52 00004001 'p' 00 't' 00 64 0640",
                   Reason::kTruncated, 12},
        BadMessage{"relation_column_flags_2", "52 00004001 'p' 00 't' 00 64 0001 02 'a' 00 00000017 ffffffff",
                   Reason::kBadFlags, 12},
        BadMessage{"relation_column_name_without_nul", "52 00004001 'p' 00 't' 00 64 0001 01 'abc'",
                   Reason::kTruncated, 13},
        BadMessage{"relation_streamed_but_read_as_not", "52 000002ee 00004001 'p' 00 't' 00 64 0000",
                   Reason::kBadReplicaIdentity, 7},
        BadMessage{"type_name_without_nul", "59 00004010 'p' 00 'mood'", Reason::kTruncated, 7},
        BadMessage{"insert_of_an_unknown_relation", "49 00004002 4e 0002 6e 6e", Reason::kUnknownRelation, 1},
        BadMessage{"insert_marker_k", "49 00004001 4b 0002 6e 6e", Reason::kBadTupleMarker, 5},
        BadMessage{"insert_marker_0", "49 00004001 00 0002 6e 6e", Reason::kBadTupleMarker, 5},
        BadMessage{"insert_one_column", "49 00004001 4e 0001 6e", Reason::kColumnCountMismatch, 6},
        BadMessage{"insert_value_longer_than_the_body", "49 00004001 4e 0002 6e 74 00000002 'x'",
                   Reason::kTruncated, 14},
        BadMessage{"insert_streamed_bad_kind", "49 000002ee 00004001 4e 0002 6e 78", Reason::kBadColumnKind,
                   13, true},
        BadMessage{"update_marker_x", "55 00004001 58 0002 6e 6e", Reason::kBadTupleMarker, 5},
        BadMessage{"update_key_twice", "55 00004001 4b 0002 6e 6e 4b 0002 6e 6e", Reason::kBadTupleMarker,
                   10},
        BadMessage{"update_key_and_full", "55 00004001 4b 0002 6e 6e 4f 0002 6e 6e", Reason::kBadTupleMarker,
                   10},
        BadMessage{"update_old_only", "55 00004001 4b 0002 6e 6e", Reason::kTruncated, 10},
        BadMessage{"update_old_one_column", "55 00004001 4b 0001 6e 4e 0002 6e 6e",
                   Reason::kColumnCountMismatch, 6},
        BadMessage{"update_new_three_columns", "55 00004001 4b 0002 6e 6e 4e 0003 6e 6e 6e",
                   Reason::kColumnCountMismatch, 11},
        BadMessage{"update_old_bad_length", "55 00004001 4f 0002 6e 74 80000000 4e 0002 6e 6e",
                   Reason::kBadLength, 10},
        BadMessage{"delete_marker_n", "44 00004001 4e 0002 6e 6e", Reason::kBadTupleMarker, 5},
        BadMessage{"delete_with_new", "44 00004001 4b 0002 6e 6e 4e 0002 6e 6e", Reason::kTrailingBytes, 10},
        BadMessage{"truncate_flags_4", "54 00000001 04 00004001", Reason::kBadFlags, 5},
        BadMessage{"truncate_count_negative", "54 ffffffff 00 00004001", Reason::kBadLength, 1},
        BadMessage{"truncate_count_beyond_body", "54 7fffffff 00 00004001", Reason::kTruncated, 6},
        BadMessage{"truncate_count_one_less", "54 00000001 00 00004001 00004002", Reason::kTrailingBytes, 10},
        BadMessage{"message_flags_2", "4d 02 0000000000000001 'p' 00 00000000", Reason::kBadFlags, 1},
        BadMessage{"message_prefix_without_nul", "4d 00 0000000000000001 'p'", Reason::kTruncated, 10},
        BadMessage{"message_length_negative", "4d 00 0000000000000001 'p' 00 ffffffff 'x'",
                   Reason::kBadLength, 12},
        BadMessage{"message_longer_than_the_body", "4d 00 0000000000000001 'p' 00 00000002 'x'",
                   Reason::kTruncated, 16},
        BadMessage{"stream_start_first_2", "53 000002ee 02", Reason::kBadFlags, 5},
        BadMessage{"stream_commit_flags_1",
                   "63 000002ee 01 0000000000000001 0000000000000002 0000000000000003", Reason::kBadFlags, 5},
        BadMessage{"stream_abort_with_an_unasked_lsn",
                   "41 000002ee 000002ef 0000000000000001 0000000000000003", Reason::kTrailingBytes, 9},
        BadMessage{"prepare_flags_1", "50 01 0000000000000001 0000000000000002 0000000000000003 000002ee 00",
                   Reason::kBadFlags, 1},
        BadMessage{"prepare_gid_without_nul",
                   "50 00 0000000000000001 0000000000000002 0000000000000003 000002ee 'g'",
                   Reason::kTruncated, 30},
        BadMessage{"commit_prepared_flags_1",
                   "4b 01 0000000000000001 0000000000000002 0000000000000003 000002ee 00", Reason::kBadFlags,
                   1},
        BadMessage{"rollback_prepared_flags_1",
                   "72 80 0000000000000001 0000000000000002 0000000000000003 0000000000000004 000002ee 00",
                   Reason::kBadFlags, 1},
        BadMessage{"stream_prepare_flags_1",
                   "70 01 0000000000000001 0000000000000002 0000000000000003 000002ee 00", Reason::kBadFlags,
                   1},
        BadMessage{"begin_inside_a_stream", "42 00000000016b3748 0002b57e9397be40 000002ee",
                   Reason::kOutOfOrder, 0, true},
        BadMessage{"stream_start_inside_a_stream", "53 000002ee 01", Reason::kOutOfOrder, 0, true},
        BadMessage{"stream_stop_outside", "45", Reason::kOutOfOrder, 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PostgresRelation, RefusesMoreColumnsThanTheStorageHolds) {
  const ExactBytes body(
      "00004001 'p' 00 't' 00 64 0002 00 'a' 00 00000017 ffffffff 00 'b' 00 00000017 ffffffff");
  std::array<ColumnView, 1> storage;
  RelationView out;
  EXPECT_EQ(decode_relation(Cursor(body.span()), storage, out), (DecodeError{Reason::kTooManyColumns, 9}));
}

TEST(PostgresRow, ViewsTheCallersStorage) {
  const ExactBytes body("00004001 4b 0001 74 00000001 '1' 4e 0001 74 00000001 '2'");
  std::array<FieldView, 1> old_storage;
  std::array<FieldView, 1> new_storage;
  RowView row;
  ASSERT_FALSE(decode_update(Cursor(body.span()), old_storage, new_storage, row));
  EXPECT_EQ(row.relation, RelationOid{0x4001});
  EXPECT_EQ(row.old_tuple, OldTuple::kKey);
  EXPECT_EQ(row.old_fields.data(), old_storage.data());
  EXPECT_EQ(row.new_fields.data(), new_storage.data());
  EXPECT_EQ(row.old_fields[0].text(), "1");
  EXPECT_EQ(row.new_fields[0].text(), "2");
}

}  // namespace
}  // namespace millrace::postgres
