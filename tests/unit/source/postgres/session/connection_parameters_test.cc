// SPDX-License-Identifier: Apache-2.0
// What libpq is told, and how its refusals are read.
#include <gmock/gmock.h>

#include <map>
#include <string>

#include "source/postgres/session/connection.h"

namespace millrace::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

PipelineConfig config() {
  PipelineConfig made;
  made.name = "orders";
  made.database.hosts = {"a.example", "/run/postgresql"};
  made.database.user = "millrace";
  made.database.dbname = "shop";
  return made;
}

std::map<std::string, std::string> parameters(const PipelineConfig& config, ConnectionKind kind,
                                              std::size_t host = 0) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : connection_parameters(config, kind, host)) {
    EXPECT_TRUE(out.emplace(name, value).second) << name << " stands twice";
  }
  return out;
}

TEST(ConnectionParameters, OfAPlainConfiguration) {
  auto given = parameters(config(), ConnectionKind::kSql);
  EXPECT_EQ(given["host"], "a.example");
  EXPECT_EQ(given["port"], "5432");
  EXPECT_EQ(given["user"], "millrace");
  EXPECT_EQ(given["dbname"], "shop");
  EXPECT_EQ(given["sslmode"], "prefer");
  EXPECT_EQ(given["channel_binding"], "prefer");
  EXPECT_EQ(given["target_session_attrs"], "any");
  EXPECT_EQ(given["application_name"], "millrace/orders");
  EXPECT_EQ(given["client_encoding"], "UTF8");
  EXPECT_EQ(given["gssencmode"], "disable") << "the socket is taken over";
  EXPECT_EQ(given["require_auth"], "!gss,!sspi");
  for (const char* absent :
       {"password", "passfile", "sslcert", "sslkey", "sslpassword", "sslrootcert", "replication"}) {
    EXPECT_FALSE(given.contains(absent)) << absent << ": libpq's own default counts";
  }
}

TEST(ConnectionParameters, OfAFullConfiguration) {
  PipelineConfig full = config();
  full.database.ports = {6000, 6001};
  full.database.password = Secret("p w'");
  full.database.passfile = "/pass";
  full.database.sslmode = SslMode::kVerifyFull;
  full.database.sslcert = "/cert";
  full.database.sslkey = "/key";
  full.database.sslpassword = Secret("kp");
  full.database.sslrootcert = "/root";
  full.database.channel_binding = ChannelBinding::kRequire;
  full.database.target_session_attrs = TargetSessionAttrs::kPreferStandby;
  auto given = parameters(full, ConnectionKind::kReplication, 1);
  EXPECT_EQ(given["host"], "/run/postgresql");
  EXPECT_EQ(given["port"], "6001") << "one per host";
  EXPECT_EQ(given["password"], "p w'");
  EXPECT_EQ(given["passfile"], "/pass");
  EXPECT_EQ(given["sslmode"], "verify-full");
  EXPECT_EQ(given["sslcert"], "/cert");
  EXPECT_EQ(given["sslkey"], "/key");
  EXPECT_EQ(given["sslpassword"], "kp");
  EXPECT_EQ(given["sslrootcert"], "/root");
  EXPECT_EQ(given["channel_binding"], "require");
  EXPECT_EQ(given["target_session_attrs"], "prefer-standby");
  EXPECT_EQ(given["replication"], "database");
  full.database.ports = {7000};
  EXPECT_EQ(parameters(full, ConnectionKind::kSql, 1)["port"], "7000") << "one for all hosts";
}

TEST(ConnectionParameters, EveryWordOfEveryMode) {
  PipelineConfig made = config();
  const std::pair<SslMode, const char*> modes[] = {
      {SslMode::kDisable, "disable"},    {SslMode::kAllow, "allow"},
      {SslMode::kPrefer, "prefer"},      {SslMode::kRequire, "require"},
      {SslMode::kVerifyCa, "verify-ca"}, {SslMode::kVerifyFull, "verify-full"}};
  for (const auto& [mode, word] : modes) {
    made.database.sslmode = mode;
    EXPECT_EQ(parameters(made, ConnectionKind::kSql)["sslmode"], word);
  }
  const std::pair<TargetSessionAttrs, const char*> attributes[] = {
      {TargetSessionAttrs::kAny, "any"},
      {TargetSessionAttrs::kReadWrite, "read-write"},
      {TargetSessionAttrs::kReadOnly, "read-only"},
      {TargetSessionAttrs::kPrimary, "primary"},
      {TargetSessionAttrs::kStandby, "standby"},
      {TargetSessionAttrs::kPreferStandby, "prefer-standby"}};
  for (const auto& [attribute, word] : attributes) {
    made.database.target_session_attrs = attribute;
    EXPECT_EQ(parameters(made, ConnectionKind::kSql)["target_session_attrs"], word);
  }
}

TEST(SessionOptions, FixTheTextFormsOfValuesOnEveryConnection) {
  for (const ConnectionKind kind :
       {ConnectionKind::kSql, ConnectionKind::kReplication, ConnectionKind::kSnapshot}) {
    const std::string options = session_options(kind);
    for (const char* part :
         {"-c DateStyle=ISO,\\ MDY", "-c IntervalStyle=postgres", "-c TimeZone=UTC",
          "-c extra_float_digits=1", "-c bytea_output=hex", "-c lc_monetary=C",
          "-c standard_conforming_strings=on", "-c search_path= ", "-c statement_timeout=0"}) {
      EXPECT_THAT(options, HasSubstr(part));
    }
    EXPECT_THAT(options, Not(HasSubstr("client_encoding"))) << "a parameter of its own";
  }
  EXPECT_THAT(session_options(ConnectionKind::kSnapshot), HasSubstr("-c row_security=off"));
  EXPECT_THAT(session_options(ConnectionKind::kSql), Not(HasSubstr("row_security")));
}

struct Refusal {
  const char* name;
  const char* text;
  const char* sqlstate;
  const char* message;
};
class ConnectErrorText : public testing::TestWithParam<Refusal> {};
TEST_P(ConnectErrorText, IsSplit) {
  const ConnectError error = parse_connect_error(GetParam().text);
  EXPECT_EQ(error.sqlstate, GetParam().sqlstate);
  EXPECT_EQ(error.message, GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(
    Table, ConnectErrorText,
    testing::Values(
        Refusal{"server_error",
                "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password "
                "authentication failed "
                "for user \"u\"\nLOCATION:  auth_failed, auth.c:335\n",
                "28P01",
                "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  password authentication "
                "failed for "
                "user \"u\""},
        Refusal{
            "libpqs_own_words",
            "connection to server at \"h\", port 5432 failed: Connection refused\n\tIs the server running?\n",
            "",
            "connection to server at \"h\", port 5432 failed: Connection refused; \tIs the server running?"},
        Refusal{"the_first_code_counts",
                "failed: FATAL:  28000: no entry, SSL on\nfailed: FATAL:  28P01: no entry, SSL off\n",
                "28000", "failed: FATAL:  no entry, SSL on; failed: FATAL:  no entry, SSL off"},
        Refusal{"five_characters_that_are_none", "FATAL:  abcde: no code\n", "", "FATAL:  abcde: no code"},
        Refusal{"detail", "FATAL:  53300: too many\nDETAIL:  really\n", "53300",
                "FATAL:  too many; DETAIL:  really"},
        Refusal{"empty", "", "", ""}, Refusal{"blank_lines", "\n\nx\n\n", "", "x"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::postgres
