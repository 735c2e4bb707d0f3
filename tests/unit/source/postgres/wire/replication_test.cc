// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/replication.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/hex.h"

namespace millrace::postgres {
namespace {

using test::ExactBytes;

constexpr const char* kXLogData = "77 00000000016b3748 00000000016b3750 0002b57e9397be40 'Bxy'";
constexpr const char* kKeepalive = "6b 00000001abcdef00 0002b57e9397be40 01";

TEST(PostgresWalMessage, XLogDataCarriesOneMessage) {
  const ExactBytes body(kXLogData);
  WalMessage out;
  ASSERT_FALSE(decode_wal_message(Cursor(body.span()), out));
  EXPECT_EQ(out.kind, WalMessageKind::kXLogData);
  EXPECT_EQ(out.wal_start, Lsn{0x16b3748});
  EXPECT_EQ(out.wal_end, Lsn{0x16b3750});
  EXPECT_EQ(out.send_time, PgMicros{0x0002b57e9397be40});
  EXPECT_FALSE(out.reply_requested);
  EXPECT_EQ(out.body.data(), body.span().data() + kXLogDataHeaderBytes);
  EXPECT_EQ(out.body.size(), 3u);
}

TEST(PostgresWalMessage, KeepaliveMayAskForAReply) {
  const ExactBytes body(kKeepalive);
  WalMessage out;
  ASSERT_FALSE(decode_wal_message(Cursor(body.span()), out));
  EXPECT_EQ(out.kind, WalMessageKind::kKeepalive);
  EXPECT_EQ(out.wal_start, Lsn{});
  EXPECT_EQ(out.wal_end, Lsn{0x1abcdef00});
  EXPECT_EQ(out.send_time, PgMicros{0x0002b57e9397be40});
  EXPECT_TRUE(out.reply_requested);
  EXPECT_TRUE(out.body.empty());
}

struct BadWalMessage {
  const char* name;
  const char* hex;
  Reason reason;
  std::uint32_t byte_offset;
};
class RejectsWalMessage : public testing::TestWithParam<BadWalMessage> {};

TEST_P(RejectsWalMessage, WithReasonAndOffset) {
  const ExactBytes body(GetParam().hex);
  WalMessage out;
  EXPECT_EQ(decode_wal_message(Cursor(body.span()), out),
            (DecodeError{GetParam().reason, GetParam().byte_offset}));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RejectsWalMessage,
    testing::Values(
        BadWalMessage{"empty", "", Reason::kTruncated, 0},
        BadWalMessage{"wal_start_cut", "77 00000000016b37", Reason::kTruncated, 1},
        BadWalMessage{"wal_end_cut", "77 0000000000000001 00", Reason::kTruncated, 9},
        BadWalMessage{"send_time_cut", "77 0000000000000001 0000000000000001 00", Reason::kTruncated, 17},
        BadWalMessage{"keepalive_wal_end_cut", "6b 00", Reason::kTruncated, 1},
        BadWalMessage{"keepalive_send_time_cut", "6b 0000000000000001 00", Reason::kTruncated, 9},
        BadWalMessage{"keepalive_reply_missing", "6b 0000000000000001 0000000000000001", Reason::kTruncated,
                      17},
        BadWalMessage{"keepalive_reply_2", "6b 0000000000000001 0000000000000001 02", Reason::kBadFlags, 17},
        BadWalMessage{"keepalive_trailing", "6b 0000000000000001 0000000000000001 00 00",
                      Reason::kTrailingBytes, 18},
        BadWalMessage{"unknown_kind", "73 0000000000000001 0000000000000001 00", Reason::kUnknownMessage, 0},
        BadWalMessage{"unknown_kind_alone", "00", Reason::kUnknownMessage, 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PostgresStandbyStatus, IsAWholeCopyDataMessage) {
  const StandbyStatus status{.written = Lsn{0x1'00000002},
                             .flushed = Lsn{0x3},
                             .applied = Lsn{0xffffffff'ffffffff},
                             .client_time = PgMicros{-2},
                             .reply_requested = true};
  const auto message = encode_standby_status(status);
  EXPECT_EQ(std::vector<std::byte>(message.begin(), message.end()),
            test::from_hex(
                "64 00000026 72 0000000100000002 0000000000000003 ffffffffffffffff fffffffffffffffe 01"));
  EXPECT_EQ(std::to_integer<int>(encode_standby_status({}).back()), 0);
}

TEST(PostgresClientMessage, CopyDoneAndTerminateCarryNothing) {
  EXPECT_EQ(std::vector<std::byte>(kCopyDone.begin(), kCopyDone.end()), test::from_hex("63 00000004"));
  EXPECT_EQ(std::vector<std::byte>(kTerminate.begin(), kTerminate.end()), test::from_hex("58 00000004"));
}

TEST(PostgresClientMessage, QueryEndsInNul) {
  EXPECT_EQ(*encode_query("SELECT 1"), std::string("Q\0\0\0\x0dSELECT 1\0", 14));
  EXPECT_EQ(*encode_query(""), std::string("Q\0\0\0\x05\0", 6));
}

TEST(PostgresClientMessage, QueryWithANulIsRefused) {
  const auto message = encode_query(std::string_view("SELECT 1\0; DROP", 15));
  EXPECT_EQ(message.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::postgres
