// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/message_head.h"

#include <gtest/gtest.h>

#include <string>

#include "support/hex.h"

namespace millrace::postgres {
namespace {

using test::ExactBytes;

struct Head {
  const char* name;
  bool in_stream;
  const char* hex;
  char type;
  std::uint32_t xid;
  std::uint32_t relation;
  std::uint32_t fields_at;
};
class PostgresPeek : public testing::TestWithParam<Head> {};

TEST_P(PostgresPeek, FindsKindTransactionAndTable) {
  const ExactBytes body(GetParam().hex);
  MessageHead out;
  ASSERT_FALSE(peek(body.span(), GetParam().in_stream, out));
  EXPECT_EQ(static_cast<char>(out.type), GetParam().type);
  EXPECT_EQ(out.xid, Xid{GetParam().xid});
  EXPECT_EQ(out.relation, RelationOid{GetParam().relation});
  EXPECT_EQ(out.fields_at, GetParam().fields_at);
  const Cursor in = fields_of(body.span(), out);
  EXPECT_EQ(in.byte_offset(), GetParam().fields_at);
  EXPECT_EQ(in.remaining(), body.size() - GetParam().fields_at);
}

// Each body is as short as peek() needs it.
INSTANTIATE_TEST_SUITE_P(
    Table, PostgresPeek,
    testing::Values(Head{"insert", false, "49 00004001", 'I', 0, 0x4001, 1},
                    Head{"insert_streamed", true, "49 000002ee 00004001", 'I', 750, 0x4001, 5},
                    Head{"update", false, "55 00004001", 'U', 0, 0x4001, 1},
                    Head{"delete", false, "44 00004001", 'D', 0, 0x4001, 1},
                    Head{"relation", false, "52 00004001", 'R', 0, 0x4001, 1},
                    Head{"relation_streamed", true, "52 ffffffff 00004001", 'R', 0xffffffff, 0x4001, 5},
                    Head{"type", false, "59", 'Y', 0, 0, 1},
                    Head{"type_streamed", true, "59 000002ee", 'Y', 750, 0, 5},
                    Head{"truncate_streamed", true, "54 000002ee", 'T', 750, 0, 5},
                    Head{"message_streamed", true, "4d 000002ee", 'M', 750, 0, 5},
                    Head{"origin_has_no_xid", true, "4f 000002ee", 'O', 0, 0, 1},
                    Head{"stream_stop", true, "45", 'E', 0, 0, 1}, Head{"begin", false, "42", 'B', 0, 0, 1}),
    [](const auto& row) { return std::string(row.param.name); });

struct BadHead {
  const char* name;
  bool in_stream;
  const char* hex;
  Reason reason;
  std::uint32_t byte_offset;
};
class RejectsHead : public testing::TestWithParam<BadHead> {};

TEST_P(RejectsHead, WithReasonAndOffset) {
  const ExactBytes body(GetParam().hex);
  MessageHead out;
  EXPECT_EQ(peek(body.span(), GetParam().in_stream, out),
            (DecodeError{GetParam().reason, GetParam().byte_offset}));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RejectsHead,
    testing::Values(BadHead{"empty", false, "", Reason::kTruncated, 0},
                    BadHead{"insert_without_oid", false, "49", Reason::kTruncated, 1},
                    BadHead{"insert_oid_cut", false, "49 000040", Reason::kTruncated, 1},
                    BadHead{"streamed_without_xid", true, "49", Reason::kTruncated, 1},
                    BadHead{"streamed_xid_cut", true, "54 0000", Reason::kTruncated, 1},
                    BadHead{"streamed_without_oid", true, "49 000002ee", Reason::kTruncated, 5},
                    BadHead{"streamed_oid_cut", true, "49 000002ee 000040", Reason::kTruncated, 5}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PostgresPeekTypes, EveryByteOutsideAndInsideAStream) {
  const std::string outside = "BCORYIUDTMScAbPKrp";
  const std::string inside = "RYIUDTMOE";
  for (int type = 0; type < 256; ++type) {
    std::vector<std::byte> bytes(9);
    bytes[0] = static_cast<std::byte>(type);
    const ExactBytes body{std::span<const std::byte>(bytes)};
    const auto among = [&](const std::string& list) {
      return type != 0 && list.find(static_cast<char>(type)) != std::string::npos;
    };
    const bool known = among(outside) || among(inside);
    for (const bool in_stream : {false, true}) {
      MessageHead out;
      const DecodeError error = peek(body.span(), in_stream, out);
      const Reason expected = among(in_stream ? inside : outside) ? Reason::kOk
                              : known                             ? Reason::kOutOfOrder
                                                                  : Reason::kUnknownMessage;
      EXPECT_EQ(error, (DecodeError{expected, 0})) << type << " in stream " << in_stream;
    }
  }
}

}  // namespace
}  // namespace millrace::postgres
