// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/backend.h"

#include <gtest/gtest.h>

#include <string>

#include "support/hex.h"

namespace millrace::postgres {
namespace {

using test::ExactBytes;

constexpr const char* kReport =
    "'SFEHLER' 00 'VERROR' 00 'C42704' 00 'Mno such publication' 00 'Ddetail' 00 'Hhint' 00 'Wslot \"s\"' 00"
    "'Fpgoutput.c' 00 'L1' 00 00";

TEST(PostgresServerReport, GivesTheFieldsWeUse) {
  const ExactBytes body(kReport);
  ServerReport out;
  ASSERT_FALSE(decode_server_report(Cursor(body.span()), out));
  EXPECT_EQ(out.severity, "ERROR");
  EXPECT_EQ(out.localized_severity, "FEHLER");
  EXPECT_EQ(out.sqlstate, "42704");
  EXPECT_EQ(out.message, "no such publication");
  EXPECT_EQ(out.detail, "detail");
  EXPECT_EQ(out.hint, "hint");
  EXPECT_EQ(out.context, "slot \"s\"");
}

TEST(PostgresServerReport, MissingFieldsAreEmpty) {
  const ExactBytes body("'Mtext' 00 00");
  ServerReport out;
  out.hint = "left from before";
  ASSERT_FALSE(decode_server_report(Cursor(body.span()), out));
  EXPECT_EQ(out.message, "text");
  EXPECT_EQ(out.hint, "");
}

TEST(PostgresServerReport, CutAnywhereIsTruncated) {
  const ExactBytes whole(kReport);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const ExactBytes body = whole.cut_at(n);
    ServerReport out;
    EXPECT_EQ(decode_server_report(Cursor(body.span()), out).reason, Reason::kTruncated) << n;
  }
}

TEST(PostgresServerReport, BytesBehindTheEndAreRefused) {
  const ExactBytes body("'Mtext' 00 00 00");
  ServerReport out;
  EXPECT_EQ(decode_server_report(Cursor(body.span()), out), (DecodeError{Reason::kTrailingBytes, 7}));
}

TEST(PostgresParameterStatus, NamesAndValues) {
  const ExactBytes body("'server_version' 00 '18.1' 00");
  ParameterStatusView out;
  ASSERT_FALSE(decode_parameter_status(Cursor(body.span()), out));
  EXPECT_EQ(out.name, "server_version");
  EXPECT_EQ(out.value, "18.1");
  for (std::size_t n = 0; n < body.size(); ++n) {
    const ExactBytes cut = body.cut_at(n);
    EXPECT_EQ(decode_parameter_status(Cursor(cut.span()), out).reason, Reason::kTruncated) << n;
  }
}

TEST(PostgresReadyForQuery, HasThreeStates) {
  for (const char state : {'I', 'T', 'E'}) {
    const std::byte body[] = {static_cast<std::byte>(state)};
    TransactionState out;
    ASSERT_FALSE(decode_ready_for_query(Cursor(body), out));
    EXPECT_EQ(static_cast<char>(out), state);
  }
  TransactionState out;
  EXPECT_EQ(decode_ready_for_query(Cursor(ExactBytes("58").span()), out).reason, Reason::kBadValue);
  EXPECT_EQ(decode_ready_for_query(Cursor(ExactBytes("").span()), out).reason, Reason::kTruncated);
  EXPECT_EQ(decode_ready_for_query(Cursor(ExactBytes("49 49").span()), out).reason, Reason::kTrailingBytes);
}

TEST(PostgresCommandComplete, CarriesItsTag) {
  const ExactBytes body("'COPY 0' 00");
  std::string_view tag;
  ASSERT_FALSE(decode_command_complete(Cursor(body.span()), tag));
  EXPECT_EQ(tag, "COPY 0");
  EXPECT_EQ(decode_command_complete(Cursor(body.cut_at(6).span()), tag).reason, Reason::kTruncated);
}

TEST(PostgresCopyBothResponse, MustBeWellFormed) {
  const auto decode = [](const char* hex) {
    const ExactBytes body(hex);
    return decode_copy_both_response(Cursor(body.span()));
  };
  EXPECT_EQ(decode("00 0000"), DecodeError{});
  EXPECT_EQ(decode("01 0002 0000 0001"), DecodeError{});
  EXPECT_EQ(decode(""), (DecodeError{Reason::kTruncated, 0}));
  EXPECT_EQ(decode("00 00"), (DecodeError{Reason::kTruncated, 1}));
  EXPECT_EQ(decode("00 0002 0000"), (DecodeError{Reason::kTruncated, 5}));
  EXPECT_EQ(decode("02 0000"), (DecodeError{Reason::kBadValue, 0}));
  EXPECT_EQ(decode("00 0001 0002"), (DecodeError{Reason::kBadValue, 3}));
  EXPECT_EQ(decode("00 0000 00"), (DecodeError{Reason::kTrailingBytes, 3}));
}

}  // namespace
}  // namespace millrace::postgres
