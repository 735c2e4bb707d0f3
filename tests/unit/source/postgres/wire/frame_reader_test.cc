// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/frame_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/hex.h"

namespace millrace::postgres {
namespace {

using test::ExactBytes;

constexpr std::uint32_t kBodyMax = 100;

std::string body_text(const BackendMessage& message) {
  return {reinterpret_cast<const char*>(message.body.data()), message.body.size()};
}

TEST(PostgresFrameReader, HandsOutMessagesInPlace) {
  const ExactBytes bytes("64 00000007 'abc'  64 00000004  63 00000004");
  FrameReader reader(kBodyMax, FramePhase::kCopyBoth);
  reader.feed(bytes.span());
  BackendMessage message;
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  EXPECT_EQ(message.type, 'd');
  EXPECT_EQ(body_text(message), "abc");
  EXPECT_EQ(message.body.data(), bytes.span().data() + 5);
  EXPECT_EQ(reader.stream_offset(), 8u);
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  EXPECT_TRUE(message.body.empty());
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  EXPECT_EQ(message.type, 'c');
  EXPECT_EQ(reader.next(message), FrameResult::kNeedMore);
  EXPECT_EQ(reader.stream_offset(), bytes.size());
  EXPECT_TRUE(reader.unread().empty());
}

TEST(PostgresFrameReader, WantsExactlyTheMissingBytes) {
  const ExactBytes whole("64 0000000e '0123456789'");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const ExactBytes head = whole.cut_at(n);
    FrameReader reader(kBodyMax, FramePhase::kCopyBoth);
    reader.feed(head.span());
    BackendMessage message;
    ASSERT_EQ(reader.next(message), FrameResult::kNeedMore) << n;
    EXPECT_EQ(reader.unread().data(), head.span().data());
    EXPECT_EQ(reader.unread().size(), n);
    EXPECT_EQ(reader.message_bytes(), n < 5 ? 5 : whole.size());
    EXPECT_EQ(reader.missing(), (n < 5 ? 5 : whole.size()) - n);
    reader.feed(whole.span());
    ASSERT_EQ(reader.next(message), FrameResult::kMessage) << n;
    EXPECT_EQ(body_text(message), "0123456789");
  }
}

TEST(PostgresFrameReader, GoesOnInAnotherBuffer) {
  const ExactBytes first("64 00000006 'ab' 64 0000");
  const ExactBytes second("64 0000 0007 'cde'");
  FrameReader reader(kBodyMax, FramePhase::kCopyBoth);
  BackendMessage message;
  reader.feed(first.span());
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  ASSERT_EQ(reader.next(message), FrameResult::kNeedMore);
  EXPECT_EQ(reader.unread().size(), 3u);
  reader.feed(second.span());
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  EXPECT_EQ(body_text(message), "cde");
  EXPECT_EQ(reader.stream_offset(), 15u);
}

struct Length {
  const char* name;
  const char* hex;
  FramePhase phase;
  FrameResult result;
};
class PostgresFrameLength : public testing::TestWithParam<Length> {};

TEST_P(PostgresFrameLength, IsJudgedByTheHeaderAlone) {
  const ExactBytes header(GetParam().hex);
  FrameReader reader(kBodyMax, GetParam().phase);
  reader.feed(header.span());
  BackendMessage message;
  EXPECT_EQ(reader.next(message), GetParam().result);
  if (GetParam().result == FrameResult::kError) {
    EXPECT_EQ(reader.error(), (DecodeError{Reason::kBadLength, 1}));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, PostgresFrameLength,
    testing::Values(Length{"zero", "64 00000000", FramePhase::kCopyBoth, FrameResult::kError},
                    Length{"three", "64 00000003", FramePhase::kCopyBoth, FrameResult::kError},
                    Length{"four", "64 00000004", FramePhase::kCopyBoth, FrameResult::kMessage},
                    Length{"at_the_limit", "64 00000068", FramePhase::kCopyBoth, FrameResult::kNeedMore},
                    Length{"over_the_limit", "64 00000069", FramePhase::kCopyBoth, FrameResult::kError},
                    Length{"negative", "64 ffffffff", FramePhase::kCopyBoth, FrameResult::kError},
                    Length{"least_negative", "64 80000000", FramePhase::kCopyBoth, FrameResult::kError},
                    Length{"notice_three", "4e 00000003", FramePhase::kCommand, FrameResult::kError},
                    Length{"notice_over_the_limit", "4e 00000069", FramePhase::kCommand,
                           FrameResult::kError}),
    [](const auto& row) { return std::string(row.param.name); });

// Every byte as a type, in every phase.
struct Types {
  const char* name;
  FramePhase phase;
  std::string legal;
};
class PostgresFrameType : public testing::TestWithParam<Types> {};

TEST_P(PostgresFrameType, IsLegalOnlyInItsPhase) {
  const std::string known = "dWHcCEZNSA";
  for (int type = 0; type < 256; ++type) {
    std::vector<std::byte> bytes = test::from_hex("00 00000004");
    bytes[0] = static_cast<std::byte>(type);
    const bool is_known = type != 0 && known.find(static_cast<char>(type)) != std::string::npos;
    const bool is_legal = type != 0 && GetParam().legal.find(static_cast<char>(type)) != std::string::npos;
    for (const std::size_t given : {1U, 5U}) {  // the type byte is enough to refuse it
      const ExactBytes message_bytes(std::span<const std::byte>(bytes).first(given));
      FrameReader reader(kBodyMax, GetParam().phase);
      reader.feed(message_bytes.span());
      BackendMessage message;
      const FrameResult result = reader.next(message);
      if (is_legal) {
        EXPECT_EQ(result, given == 5 ? FrameResult::kMessage : FrameResult::kNeedMore) << type;
      } else {
        EXPECT_EQ(result, FrameResult::kError) << type;
        EXPECT_EQ(reader.error(), (DecodeError{is_known ? Reason::kOutOfOrder : Reason::kUnknownMessage, 0}))
            << type;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, PostgresFrameType,
                         testing::Values(Types{"command", FramePhase::kCommand, "WHEZNSA"},
                                         Types{"copy_both", FramePhase::kCopyBoth, "dcCENSA"},
                                         Types{"ending", FramePhase::kEnding, "CEZNSA"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PostgresFrameReader, FollowsAConnectionThroughItsPhases) {
  const ExactBytes bytes(
      "57 00000007 00 0000  53 00000004  64 00000004  4e 00000004  64 00000004"  // W S d N d
      "63 00000004  64 00000004  43 00000004  43 00000004  5a 00000005 49"       // c d C C Z
      "57 00000007 00 0000  43 00000004");  // W, and a server that shuts down: C
  FrameReader reader(kBodyMax);
  reader.feed(bytes.span());
  std::string types;
  BackendMessage message;
  while (reader.next(message) == FrameResult::kMessage) types += message.type;
  EXPECT_EQ(types, "WSdNdcdCCZWC");
  EXPECT_FALSE(reader.error());
  EXPECT_EQ(reader.phase(), FramePhase::kEnding);
}

TEST(PostgresFrameReader, FollowsACopyOut) {
  const ExactBytes bytes(
      "48 00000007 00 0000  64 00000004  64 00000004  63 00000004  43 00000004  5a 00000005 49");
  FrameReader reader(kBodyMax);
  reader.feed(bytes.span());
  std::string types;
  BackendMessage message;
  while (reader.next(message) == FrameResult::kMessage) types += message.type;
  EXPECT_EQ(types, "HddcCZ");
  EXPECT_EQ(reader.phase(), FramePhase::kCommand);
}

TEST(PostgresFrameReader, RefusesRowsBehindAnError) {
  const ExactBytes bytes("64 00000004  45 00000004  64 00000004");
  FrameReader reader(kBodyMax, FramePhase::kCopyBoth);
  reader.feed(bytes.span());
  BackendMessage message;
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  ASSERT_EQ(reader.next(message), FrameResult::kMessage);
  EXPECT_EQ(reader.next(message), FrameResult::kError);
  EXPECT_EQ(reader.error(), (DecodeError{Reason::kOutOfOrder, 0}));
  EXPECT_EQ(reader.stream_offset(), 10u);
}

TEST(PostgresFrameReader, StaysFailedWhateverComesNext) {
  const ExactBytes bad("64 00000003");
  const ExactBytes good("64 00000004");
  FrameReader reader(kBodyMax, FramePhase::kCopyBoth);
  BackendMessage message;
  reader.feed(bad.span());
  ASSERT_EQ(reader.next(message), FrameResult::kError);
  reader.feed(good.span());
  EXPECT_EQ(reader.next(message), FrameResult::kError);
  EXPECT_EQ(reader.error(), (DecodeError{Reason::kBadLength, 1}));
}

TEST(PostgresFrameReader, TakesTheLargestMessageThereIs) {
  const ExactBytes header("64 ffffffff");
  FrameReader reader(0xFFFFFFFB, FramePhase::kCopyBoth);
  reader.feed(header.span());
  BackendMessage message;
  EXPECT_EQ(reader.next(message), FrameResult::kNeedMore);
  EXPECT_EQ(reader.message_bytes(), std::size_t{1} << 32);
}

}  // namespace
}  // namespace millrace::postgres
