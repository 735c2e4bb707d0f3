// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/check.h"

#include "source/postgres/session/check_context.h"
#include "source/postgres/session/errors.h"
#include "source/postgres/session/facts.h"
#include "source/postgres/session/quoting.h"
#include "source/postgres/session/slot.h"

namespace millrace::postgres {
namespace {

std::string where(const PipelineConfig& config) {
  std::string out;
  for (std::size_t i = 0; i < config.database.hosts.size(); ++i) {
    const auto& ports = config.database.ports;
    append(out, out.empty() ? "" : ",", config.database.hosts[i], ":",
           ports.empty()       ? 5432
           : ports.size() == 1 ? ports.front()
                               : ports[i]);
  }
  return out;
}

void tell_connection(CheckContext& context, const std::string& server) {
  PGconn* const raw = context.sql.raw();
  const bool encrypted = PQsslInUse(raw) != 0;
  const std::string_view host = PQhost(raw) != nullptr ? PQhost(raw) : "";
  const auto attribute = [raw](const char* name) { return std::string(PQsslAttribute(raw, name)); };
  context.ok(
      "connect", server,
      concat(
          "connected as ", context.config.database.user, " to database ", context.config.database.dbname,
          encrypted ? concat(", encrypted with ", attribute("protocol")) : std::string(", not encrypted")));
  const bool near = host.starts_with("/") || host.starts_with("127.") || host == "localhost" || host == "::1";
  if (!encrypted && !near) {
    context.warn(
        "tls", server, "rows and the password's proof travel unencrypted",
        "database.sslmode: verify-full\ndatabase.sslrootcert: <file with the authority's certificate>");
  }
}

// A login as a walsender, which other rights and limits apply to. Closed again at once.
void check_replication_login(CheckContext& context, const Interrupt& interrupt) {
  const absl::StatusOr<std::unique_ptr<Connection>> replication =
      Connection::open(context.config, ConnectionKind::kReplication, interrupt);
  const std::string role = quote_identifier(context.config.database.user);
  if (!replication.ok()) {
    if (reason_of(replication.status()) == ReasonCode::kPermissionDenied) {
      return context.error("role_replication", ReasonCode::kPermissionDenied,
                           concat("role ", context.config.database.user), "may not start replication",
                           concat("ALTER ROLE ", role, " REPLICATION;"));
    }
    if (reason_of(replication.status()) == ReasonCode::kSlotsExhausted) {
      const std::optional<Result> limit = context.ask(
          "read max_wal_senders", "SELECT setting FROM pg_settings WHERE name = 'max_wal_senders'");
      if (!limit || limit->rows() != 1) return;
      return context.error("max_wal_senders", ReasonCode::kSlotsExhausted, "max_wal_senders",
                           concat("all ", limit->view(0, 0), " walsenders are in use"),
                           concat("ALTER SYSTEM SET max_wal_senders = ", limit->number<int>(0, 0) + 5,
                                  ";  -- then restart the server"));
    }
    return context.failed("replication_connect", "replication connection", replication.status());
  }
  context.ok("role_replication", concat("role ", context.config.database.user), "may start replication");
}

}  // namespace

std::string_view name_of(CheckFinding::Severity severity) noexcept {
  switch (severity) {
    case CheckFinding::Severity::kOk:
      return "ok";
    case CheckFinding::Severity::kNote:
      return "note";
    case CheckFinding::Severity::kWarning:
      return "warning";
    case CheckFinding::Severity::kError:
      return "error";
  }
  return "error";
}

std::optional<Result> CheckContext::ask(std::string_view what, std::string_view statement) {
  absl::StatusOr<Result> result = sql.query(Phase::kQuery, what, statement);
  if (result.ok()) return std::move(*result);
  failed("query", std::string(what), result.status());
  return std::nullopt;
}

void CheckContext::failed(std::string_view id, std::string subject, const absl::Status& status) {
  std::string problem(status.message());
  std::string fix(reason_info(reason_of(status)).remedy);
  constexpr std::string_view kMark = ". Fix: ";
  if (const std::size_t at = problem.find(kMark); at != std::string::npos) {
    fix = problem.substr(at + kMark.size());
    problem.resize(at);
  }
  if (problem.find("[SQLSTATE 55P03]") != std::string::npos) {
    fix = "a transaction has locked a table, as ALTER TABLE does: check again when it has ended";
  }
  error(id, reason_of(status), std::move(subject), std::move(problem), std::move(fix));
}

std::vector<CheckFinding> run_check(const PipelineConfig& config) {
  std::vector<CheckFinding> findings;
  const Interrupt interrupt;
  const std::string server = concat("server ", where(config));
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::open(config, ConnectionKind::kSql, interrupt);
  if (!connection.ok()) {
    CheckFinding finding{
        CheckFinding::Severity::kError, "connect", reason_of(connection.status()), server, {}, {}};
    std::string problem(connection.status().message());
    finding.fix = std::string(reason_info(finding.reason).remedy);
    constexpr std::string_view kMark = ". Fix: ";
    if (const std::size_t at = problem.find(kMark); at != std::string::npos) {
      finding.fix = problem.substr(at + kMark.size());
      problem.resize(at);
    }
    finding.problem = std::move(problem);
    findings.push_back(std::move(finding));
    return findings;
  }
  CheckContext context{config, **connection, findings, (*connection)->server_version(), false, {}, {}, {}};
  tell_connection(context, server);
  if (context.version < kOldestServer) {
    context.error("server_version", ReasonCode::kServerVersion, "server version",
                  concat("PostgreSQL ", context.version / 10000, " is too old"),
                  "upgrade the server to 13 or newer");
    return findings;
  }
  // The server's own views lock the tables they tell of, and somebody may have locked one for hours.
  if (!context.ask("limit the wait for locks", "SET lock_timeout = '3s'")) return findings;
  check_replication_login(context, interrupt);
  absl::StatusOr<std::optional<SlotFacts>> slot = read_slot(**connection, config.slot.name);
  absl::StatusOr<std::optional<PublicationFacts>> publication =
      read_publication(**connection, config.publication.name);
  if (!slot.ok()) context.failed("slot", "slot", slot.status());
  if (!publication.ok()) context.failed("publication", "publication", publication.status());
  if (slot.ok()) context.slot = std::move(*slot);
  if (publication.ok()) context.publication = std::move(*publication);
  check_server(context);
  check_slot(context);
  check_publication(context);
  check_tables(context);
  return findings;
}

}  // namespace millrace::postgres
