// SPDX-License-Identifier: Apache-2.0
// What libpq is told, and how its refusals read.
#include "base/concat.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/session/connection.h"

namespace millrace::postgres {
namespace {

std::string_view text_of(SslMode mode) noexcept {
  switch (mode) {
    case SslMode::kDisable:
      return "disable";
    case SslMode::kAllow:
      return "allow";
    case SslMode::kPrefer:
      return "prefer";
    case SslMode::kRequire:
      return "require";
    case SslMode::kVerifyCa:
      return "verify-ca";
    case SslMode::kVerifyFull:
      return "verify-full";
  }
  return "verify-full";
}

std::string_view text_of(ChannelBinding binding) noexcept {
  switch (binding) {
    case ChannelBinding::kDisable:
      return "disable";
    case ChannelBinding::kPrefer:
      return "prefer";
    case ChannelBinding::kRequire:
      return "require";
  }
  return "require";
}

std::string_view text_of(TargetSessionAttrs attrs) noexcept {
  switch (attrs) {
    case TargetSessionAttrs::kAny:
      return "any";
    case TargetSessionAttrs::kReadWrite:
      return "read-write";
    case TargetSessionAttrs::kReadOnly:
      return "read-only";
    case TargetSessionAttrs::kPrimary:
      return "primary";
    case TargetSessionAttrs::kStandby:
      return "standby";
    case TargetSessionAttrs::kPreferStandby:
      return "prefer-standby";
  }
  return "any";
}

bool is_sqlstate(std::string_view text) noexcept {
  return text.size() == 5 &&
         text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
}

}  // namespace

std::string session_options(ConnectionKind kind) {
  std::string out;
  const auto set = [&out](std::string_view name, std::string_view value) {
    if (!out.empty()) out += ' ';
    append(out, "-c ", name, "=");
    for (const char c : value) {
      if (c == ' ' || c == '\\') out += '\\';
      out += c;
    }
  };
  for (const auto& [name, value] : kSessionOptions) {
    if (std::string_view(name) != "client_encoding") set(name, value);
  }
  set("xmloption", "content");
  set("standard_conforming_strings", "on");
  set("search_path", "");  // regclass and the like print qualified
  set("statement_timeout", "0");
  set("lock_timeout", "0");
  set("idle_in_transaction_session_timeout", "0");
  // With it on, COPY would leave out rows in silence where a policy hides them; off, the server says so.
  if (kind == ConnectionKind::kSnapshot) set("row_security", "off");
  return out;
}

std::vector<std::pair<std::string, std::string>> connection_parameters(const PipelineConfig& config,
                                                                       ConnectionKind kind,
                                                                       std::size_t host) {
  const DatabaseConfig& database = config.database;
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&out](std::string_view name, std::string_view value) { out.emplace_back(name, value); };
  const auto add_given = [&add](std::string_view name, std::string_view value) {
    if (!value.empty()) add(name, value);  // else libpq's own default: files below the home folder
  };
  add("host", database.hosts.at(host));
  const std::vector<std::uint16_t>& ports = database.ports;
  add("port", concat(ports.empty() ? 5432 : ports.size() == 1 ? ports.front() : ports.at(host)));
  add("user", database.user);
  add_given("password", database.password.reveal());
  add_given("passfile", database.passfile);
  add("dbname", database.dbname);
  if (kind == ConnectionKind::kReplication) add("replication", "database");
  add("sslmode", text_of(database.sslmode));
  add_given("sslcert", database.sslcert);
  add_given("sslkey", database.sslkey);
  add_given("sslpassword", database.sslpassword.reveal());
  add_given("sslrootcert", database.sslrootcert);
  add("channel_binding", text_of(database.channel_binding));
  add("target_session_attrs", text_of(database.target_session_attrs));
  // The socket is taken over, and GSS encryption lives inside libpq.
  add("gssencmode", "disable");
  add("require_auth", "!gss,!sspi");
  // A dead peer is noticed in about a minute, whether we were sending or listening.
  add("keepalives", "1");
  add("keepalives_idle", "30");
  add("keepalives_interval", "10");
  add("keepalives_count", "3");
  add("tcp_user_timeout", "60000");
  add("application_name", concat("millrace/", config.name));
  add("client_encoding", "UTF8");
  add("options", session_options(kind));
  return out;
}

ConnectError parse_connect_error(std::string_view text) {
  ConnectError out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("LOCATION:")) continue;
    for (std::size_t at = line.find(":  "); at != std::string::npos; at = line.find(":  ", at + 3)) {
      const std::string_view rest = std::string_view(line).substr(at + 3);
      if (rest.size() < 7 || !is_sqlstate(rest.substr(0, 5)) || rest.substr(5, 2) != ": ") continue;
      if (out.sqlstate.empty()) out.sqlstate = std::string(rest.substr(0, 5));
      line.erase(at + 2, 7);
      break;
    }
    if (line.empty()) continue;
    if (!out.message.empty()) out.message += "; ";
    out.message += line;
  }
  return out;
}

}  // namespace millrace::postgres
