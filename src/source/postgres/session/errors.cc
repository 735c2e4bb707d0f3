// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/errors.h"

#include <absl/strings/cord.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/concat.h"

namespace millrace::postgres {
namespace {

using enum ReasonCode;
constexpr char kActionUrl[] = "millrace.io/action";

constexpr std::uint32_t bit(Phase phase) noexcept { return 1U << static_cast<unsigned>(phase); }
constexpr std::uint32_t kAny = ~0U;
constexpr std::uint32_t kStreaming = bit(Phase::kStart) | bit(Phase::kStream);

struct Rule {
  std::string_view sqlstate;  // a prefix: "08" is the class
  std::uint32_t phases;
  std::string_view text;  // must occur in the message; empty: any
  ReasonCode reason;
  Action action;
};

// First match wins. The texts are the server's in English: with another lc_messages the rule after them
// decides, and what the slot's row says is asked for at the next attempt.
constexpr Rule kRules[] = {
    {"08P01", kAny, "", kSourceProtocol, Action::kStop},
    {"08", kAny, "", kConnectRefused, Action::kRetry},
    {"28", kAny, "", kAuthFailed, Action::kWait},
    {"3D000", kAny, "", kDatabaseMissing, Action::kStop},
    {"53300", kAny, "wal_senders", kSlotsExhausted, Action::kRetry},
    {"53300", kAny, "", kConnectRefused, Action::kRetry},
    {"53400", kAny, "", kSlotsExhausted, Action::kWait},
    {"53", kAny, "", kRetriesExhausted, Action::kRetry},
    {"55006", kAny, "", kSlotInUse, Action::kRetry},
    {"55000", bit(Phase::kConnect), "", kConnectRefused, Action::kWait},  // not accepting connections
    {"55000", kAny, "skipped loading publication", kPublicationSkipped, Action::kStop},
    {"55000", kAny, "can no longer access replication slot", kSlotInvalidated, Action::kResnapshot},
    {"55000", kAny, "can no longer get changes", kSlotInvalidated, Action::kResnapshot},
    {"55000", kAny, "cannot read from logical replication slot", kSlotInvalidated, Action::kResnapshot},
    {"55000", kAny, "invalidated", kSlotInvalidated, Action::kResnapshot},
    {"55000", kAny, "synchronized from the primary", kSlotInUse, Action::kWait},
    {"55000", kAny, "being synced", kSlotInUse, Action::kWait},
    {"55000", kAny, "not created in this database", kSlotWrongDatabase, Action::kStop},
    {"55000", kAny, "physical replication slot", kSlotWrongPlugin, Action::kStop},
    {"55000", kAny, "wal_level", kWalLevel, Action::kStop},
    {"55000", kAny, "", kSourceProtocol, Action::kStop},
    {"42704", kAny, "publication \"", kPublicationMissing, Action::kStop},
    {"42704", kAny, "replication slot", kSlotMissing, Action::kResnapshot},
    {"42704", bit(Phase::kStart), "", kSlotMissing, Action::kResnapshot},
    {"42704", bit(Phase::kStream), "", kPublicationMissing, Action::kStop},
    {"42704", bit(Phase::kSnapshot), "snapshot", kSnapshotFailed, Action::kRetry},
    {"42710", bit(Phase::kCreateSlot), "", kSlotInUse,
     Action::kRetry},  // made meanwhile: the next look finds it
    {"42710", bit(Phase::kPublication), "", kRetriesExhausted, Action::kRetry},
    {"42501", kAny, "", kPermissionDenied, Action::kStop},
    {"25006", bit(Phase::kPublication), "", kPublicationMissing, Action::kStop},
    {"0A000", kAny, "", kServerVersion, Action::kStop},
    {"22023", bit(Phase::kSnapshot), "snapshot", kSnapshotFailed, Action::kRetry},
    {"22023", kAny, "", kSourceProtocol, Action::kStop},
    {"22P05", kAny, "", kValueUndecodable, Action::kStop},
    {"22021", kAny, "", kValueUndecodable, Action::kStop},
    {"54", kAny, "", kRowTooLarge, Action::kWait},
    {"58P01", kStreaming, "", kSlotInvalidated, Action::kResnapshot},
    {"58", kAny, "", kSourceCorrupt, Action::kRetry},
    {"XX001", kAny, "", kSourceCorrupt, Action::kStop},
    {"XX002", kAny, "", kSourceCorrupt, Action::kStop},
    {"XX000", kStreaming, "has already been removed", kSlotInvalidated, Action::kResnapshot},
    {"XX000", kStreaming, "unrecognized pgoutput option", kSourceProtocol, Action::kStop},
    {"XX000", kAny, "", kSourceCorrupt, Action::kRetry},
    {"57P04", kAny, "", kDatabaseMissing, Action::kStop},
    {"57P", kAny, "", kConnectRefused, Action::kRetry},
    {"57014", bit(Phase::kSnapshot) | bit(Phase::kCreateSlot), "", kSnapshotFailed, Action::kRetry},
    {"57014", kAny, "", kRetriesExhausted, Action::kRetry},
    {"25P0", bit(Phase::kSnapshot), "", kSnapshotFailed, Action::kRetry},
    {"25P0", kAny, "", kConnectRefused, Action::kRetry},
    {"40", bit(Phase::kSnapshot), "", kSnapshotFailed, Action::kRetry},
    {"40", kAny, "", kRetriesExhausted, Action::kRetry},
    {"55P03", kAny, "", kRetriesExhausted, Action::kRetry},  // lock not available
    {"42P01", bit(Phase::kSnapshot) | bit(Phase::kPublication), "", kSnapshotFailed, Action::kRetry},
    {"42703", bit(Phase::kSnapshot) | bit(Phase::kPublication), "", kSnapshotFailed, Action::kRetry},
    {"42P10", kStreaming, "", kPublicationMissing, Action::kStop},
};

// What libpq says when no ErrorResponse came. It is built without translations, so these texts are what they
// are.
struct Words {
  std::string_view text;
  ReasonCode reason;
  Action action;
};
constexpr Words kLibpqWords[] = {
    // Authentication that was asked for and is not done here.
    {"authentication method requirement", kAuthFailed, Action::kStop},
    {"GSSAPI", kAuthFailed, Action::kStop},
    {"SSPI", kAuthFailed, Action::kStop},
    {"Kerberos", kAuthFailed, Action::kStop},
    {"channel binding", kAuthFailed, Action::kStop},
    {"no password supplied", kAuthFailed, Action::kStop},
    {"SASL authentication mechanisms are supported", kAuthFailed, Action::kStop},
    {"SCRAM", kAuthFailed, Action::kStop},
    {"server signature", kAuthFailed, Action::kStop},
    // A broken network inside TLS is no certificate trouble.
    {"SSL SYSCALL error", kConnectRefused, Action::kRetry},
    {"unexpected eof", kConnectRefused, Action::kRetry},
    {"SSL connection has been closed", kConnectRefused, Action::kRetry},
    {"does not support SSL", kTlsFailed, Action::kStop},
    {"SSL error", kTlsFailed, Action::kStop},
    {"certificate", kTlsFailed, Action::kStop},
    {"private key file", kTlsFailed, Action::kStop},
    {"sslmode", kTlsFailed, Action::kStop},
    {"SSL", kTlsFailed, Action::kStop},
    // Middlemen and strangers.
    {"invalid response to SSL negotiation", kSourceProtocol, Action::kStop},
    {"expected authentication request", kSourceProtocol, Action::kStop},
};

bool has(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

/// Outside of quotes: between them stand the names of hosts, folders and files, which may read like anything.
bool says(std::string_view text, std::string_view part) noexcept {
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    if (std::ranges::count(text.substr(0, at), '"') % 2 == 0) return true;
  }
  return false;
}

// Errors nobody listed: trouble of the server's machine passes, a statement that it does not like does not.
Verdict by_class(std::string_view sqlstate) noexcept {
  const std::string_view sqlstate_class = sqlstate.substr(0, 2);
  for (const std::string_view wrong : {"0A", "22", "23", "2F", "34", "3F", "42", "44"}) {
    if (sqlstate_class == wrong) return {kSourceProtocol, Action::kStop};
  }
  return {kRetriesExhausted, Action::kRetry};
}

std::string_view name_of(Action action) noexcept {
  switch (action) {
    case Action::kRetry:
      return "retry";
    case Action::kWait:
      return "wait";
    case Action::kStop:
      return "stop";
    case Action::kResnapshot:
      return "resnapshot";
  }
  return "stop";
}

// What the reason's own remedy does not say.
std::string_view remedy(Phase phase, std::string_view sqlstate, std::string_view message) noexcept {
  if (phase == Phase::kConnect) {
    if (has(message, "no pg_hba.conf entry") || has(message, "pg_hba.conf rejects")) {
      return "add to pg_hba.conf a line for this database, role and address (for `replication=database` the "
             "line names "
             "the database, the word `replication` does not match), then SELECT pg_reload_conf()";
    }
    if (has(message, "GSSAPI") || has(message, "SSPI") || has(message, "Kerberos") ||
        has(message, "\"!gss,!sspi\"")) {
      return "GSSAPI, Kerberos and SSPI are not supported: give the role a pg_hba.conf line with "
             "scram-sha-256 or cert";
    }
    if (has(message, "LDAP")) {
      return "LDAP is not supported: give the role a pg_hba.conf line with scram-sha-256 or cert";
    }
    if (has(message, "no password supplied")) return "set database.password or database.passfile";
    if (has(message, "channel binding")) {
      return "database.channel.binding=require needs TLS and a SCRAM password on the server "
             "(password_encryption = "
             "'scram-sha-256', then set the password again)";
    }
    if (sqlstate == "42501") return "ALTER ROLE <the role> REPLICATION";
  }
  if (sqlstate == "53400") {
    return "drop slots nobody reads (SELECT slot_name FROM pg_replication_slots WHERE NOT active), or raise "
           "max_replication_slots and restart the server";
  }
  if ((phase == Phase::kStart || phase == Phase::kStream) && sqlstate == "42704" &&
      has(message, "publication")) {
    return "the publication must exist at the place of the log that the slot has come to. Create it; if it "
           "is made "
           "after that place, the slot cannot be read on: drop it, and `millrace position reset` for a new "
           "snapshot";
  }
  if (phase == Phase::kSnapshot && has(message, "row-level security")) {
    return "rows would be missing from the snapshot: ALTER ROLE <the role> BYPASSRLS";
  }
  return {};
}

std::string cleaned(std::string_view text) {  // one line, nothing a terminal obeys
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out;
}

}  // namespace

Verdict classify(Phase phase, std::string_view sqlstate, std::string_view message) noexcept {
  if (sqlstate.empty()) {
    if (phase == Phase::kConnect) {
      for (const Words& words : kLibpqWords) {
        if (says(message, words.text)) return {words.reason, words.action};
      }
    }
    return {kConnectRefused, Action::kRetry};
  }
  for (const Rule& rule : kRules) {
    if (sqlstate.starts_with(rule.sqlstate) && (rule.phases & bit(phase)) != 0 && has(message, rule.text)) {
      return {rule.reason, rule.action};
    }
  }
  return by_class(sqlstate);
}

Verdict classify_errno(int error_number) noexcept {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return {kConnectRefused, Action::kWait};  // a Unix socket's folder, a firewall's reject
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
      return {kInternal, Action::kStop};
    default:
      return {kConnectRefused, Action::kRetry};
  }
}

absl::Status action_error(Verdict verdict, std::string_view message) {
  absl::Status status = reason_error(verdict.reason, message);
  status.SetPayload(kActionUrl, absl::Cord(concat(name_of(verdict.action))));
  return status;
}

absl::Status server_error(Phase phase, std::string_view doing, std::string_view sqlstate,
                          std::string_view message, std::string_view detail, std::string_view hint) {
  std::string text = concat("postgres: ", doing, ": ", cleaned(message));
  if (!detail.empty()) append(text, " (", cleaned(detail), ")");
  if (!sqlstate.empty()) append(text, " [SQLSTATE ", sqlstate, "]");
  if (const std::string_view fix = remedy(phase, sqlstate, message); !fix.empty()) {
    append(text, ". Fix: ", fix);
  } else if (!hint.empty()) {
    append(text, ". Hint: ", cleaned(hint));
  }
  return action_error(classify(phase, sqlstate, message), text);
}

Action action_of(const absl::Status& status) noexcept {
  const absl::optional<absl::Cord> payload = status.GetPayload(kActionUrl);
  if (!payload.has_value()) return Action::kStop;
  for (const Action action : {Action::kRetry, Action::kWait, Action::kResnapshot}) {
    if (*payload == concat(name_of(action))) return action;
  }
  return Action::kStop;
}

EdgeFailed to_event(absl::Status status) {
  const bool retryable = is_retryable(action_of(status));
  // In the text, because one failure may tell of several hosts.
  const bool refused = status.message().find("[SQLSTATE 57P03]") != absl::string_view::npos;
  return {std::move(status), retryable, refused};
}

EdgeFailed report_failed(Phase phase, std::string_view doing, const ServerReport& report) {
  return to_event(server_error(phase, doing, report.sqlstate, report.message, report.detail, report.hint));
}

}  // namespace millrace::postgres
