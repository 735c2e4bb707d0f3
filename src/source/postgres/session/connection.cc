// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/connection.h"

#include <poll.h>

#include <cerrno>
#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {
namespace {

constexpr std::chrono::milliseconds kCancelPatience{2'000};

absl::Status interrupted() { return absl::CancelledError("postgres: interrupted"); }

// libpq would print notices on stderr.
void on_notice(void*, const char* text) {
  std::string_view line(text);
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  log_debug("postgres", "notice", {{"text", line}});
}

absl::Status result_error(Phase phase, std::string_view doing, const PGresult* result) {
  const auto field = [result](int code) -> std::string_view {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? std::string_view{} : std::string_view(text);
  };
  std::string_view message = field(PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = PQresultErrorMessage(result);
  return server_error(phase, doing, field(PG_DIAG_SQLSTATE), message, field(PG_DIAG_MESSAGE_DETAIL),
                      field(PG_DIAG_MESSAGE_HINT));
}

}  // namespace

Connection::~Connection() {
  if (connection_ != nullptr) PQfinish(connection_);
}

Connection::Ready Connection::wait_for(bool writing, Clock::time_point deadline) const {
  for (;;) {
    if (interrupt_.is_set()) return Ready::kInterrupted;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Ready::kTimeout;
    pollfd fds[2] = {{PQsocket(connection_), static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), 0},
                     {interrupt_.fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return Ready::kTimeout;
    if (ready > 0 && fds[0].revents != 0) return Ready::kYes;
  }
}

absl::Status Connection::lost() {
  const ConnectError error = parse_connect_error(PQerrorMessage(connection_));
  Verdict verdict = classify(phase_, error.sqlstate, error.message);
  if (error.sqlstate.empty()) verdict = {ReasonCode::kConnectRefused, Action::kRetry};
  return action_error(verdict, concat("postgres: ", doing_, ": connection lost: ", error.message));
}

absl::Status Connection::send(Phase phase, std::string_view doing, std::string_view sql) {
  phase_ = phase;
  doing_ = std::string(doing);
  if (PQsendQuery(connection_, std::string(sql).c_str()) == 0) return lost();
  return absl::OkStatus();
}

absl::StatusOr<bool> Connection::wait(std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  for (;;) {
    const int unsent = PQflush(connection_);
    if (unsent < 0) return lost();
    if (unsent == 0 && PQisBusy(connection_) == 0) return true;
    switch (wait_for(unsent == 1, deadline)) {
      case Ready::kInterrupted:
        return interrupted();
      case Ready::kTimeout:
        return false;
      case Ready::kYes:
        break;
    }
    if (PQconsumeInput(connection_) == 0) return lost();
  }
}

absl::StatusOr<std::vector<Result>> Connection::collect() {
  std::vector<Result> results;
  absl::Status failed;
  for (;;) {
    const absl::StatusOr<bool> ready = wait(kQueryTimeout);
    if (!ready.ok()) return ready.status();
    if (!*ready) {
      cancel();
      return action_error(
          {ReasonCode::kRetriesExhausted, Action::kRetry},
          concat("postgres: ", doing_, ": no answer within ", kQueryTimeout.count() / 1000, " s"));
    }
    PGresult* const raw = PQgetResult(connection_);
    if (raw == nullptr) break;
    Result result(raw);
    switch (PQresultStatus(raw)) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        results.push_back(std::move(result));
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        // PQgetResult would give this again and again.
        return action_error({ReasonCode::kSourceProtocol, Action::kStop},
                            concat("postgres: ", doing_, ": the server began a COPY nobody asked for"));
      default:
        if (failed.ok()) failed = result_error(phase_, doing_, raw);
        break;
    }
  }
  if (!failed.ok()) return failed;
  return results;
}

absl::StatusOr<std::vector<Result>> Connection::query_all(Phase phase, std::string_view doing,
                                                          std::string_view sql,
                                                          std::chrono::milliseconds timeout) {
  if (absl::Status status = send(phase, doing, sql); !status.ok()) return status;
  const absl::StatusOr<bool> ready = wait(timeout);
  if (!ready.ok()) {
    if (absl::IsCancelled(ready.status())) cancel();
    return ready.status();
  }
  if (!*ready) {
    cancel();
    return action_error({ReasonCode::kRetriesExhausted, Action::kRetry},
                        concat("postgres: ", doing, ": no answer within ", timeout.count(), " ms"));
  }
  return collect();
}

absl::StatusOr<Result> Connection::query(Phase phase, std::string_view doing, std::string_view sql,
                                         std::chrono::milliseconds timeout) {
  absl::StatusOr<std::vector<Result>> results = query_all(phase, doing, sql, timeout);
  if (!results.ok()) return results.status();
  if (results->empty()) return Result();
  return std::move(results->back());
}

void Connection::cancel() {
  const Clock::time_point deadline = Clock::now() + kCancelPatience;
  // A connection of its own, encrypted like this one. Not stopped by the interrupt: the deadline is near.
  const auto wait_on = [deadline](int fd, short events) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{fd, events, 0};
    return left > 0 && poll(&waiting, 1, static_cast<int>(left)) > 0;
  };
  PGcancelConn* const request = PQcancelCreate(connection_);
  if (request != nullptr && PQcancelStart(request) == 1) {
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
      if (!wait_on(PQcancelSocket(request), state == PGRES_POLLING_READING ? POLLIN : POLLOUT)) break;
      state = PQcancelPoll(request);
    }
  }
  PQcancelFinish(request);
  while (Clock::now() < deadline) {
    while (PQisBusy(connection_) == 0) {
      PGresult* const result = PQgetResult(connection_);
      if (result == nullptr) return;
      PQclear(result);
    }
    if (!wait_on(PQsocket(connection_), POLLIN) || PQconsumeInput(connection_) == 0) return;
  }
}

bool Connection::alive() {
  while (PQstatus(connection_) == CONNECTION_OK) {
    pollfd waiting{PQsocket(connection_), POLLIN, 0};
    if (poll(&waiting, 1, 0) == 0) return true;
    // Something came unasked: a notice, a changed parameter, the server's goodbye, and behind it the end.
    if (PQconsumeInput(connection_) != 1 || PQisBusy(connection_) != 0) return false;
  }
  return false;
}

std::uint64_t Result::lsn(int row, int column) const noexcept {
  const std::optional<Lsn> lsn = parse_lsn(view(row, column));
  return lsn ? value_of(*lsn) : 0;
}

/// Makes a connection: hosts in order, one after the other, each with a timeout of its own.
class ConnectionMaker {
 public:
  ConnectionMaker(const PipelineConfig& config, ConnectionKind kind, const Interrupt& interrupt)
      : config_(config), kind_(kind), interrupt_(interrupt) {}

  absl::StatusOr<std::unique_ptr<Connection>> make() {
    using Attrs = TargetSessionAttrs;
    const std::size_t hosts = config_.database.hosts.size();
    absl::Status last =
        action_error({ReasonCode::kConfigInvalid, Action::kStop}, "postgres: no database.hostname");
    std::string others;
    // prefer-standby is two rounds, as in libpq: a standby if there is one, else any server.
    const bool two_rounds = config_.database.target_session_attrs == Attrs::kPreferStandby;
    for (int round = two_rounds ? 0 : 1; round < 2; ++round) {
      for (std::size_t host = 0; host < hosts; ++host) {
        absl::StatusOr<std::unique_ptr<Connection>> made = connect(host, two_rounds && round == 0);
        if (made.ok() || absl::IsCancelled(made.status()) || final_) return made;
        if (host > 0 && round == 1) append(others, "; before that: ", last.message());
        last = made.status();
      }
    }
    if (others.empty()) return last;
    return action_error({reason_of(last), action_of(last)}, concat(last.message(), others));
  }

 private:
  absl::StatusOr<std::unique_ptr<Connection>> connect(std::size_t host, bool standby_only) {
    auto parameters = connection_parameters(config_, kind_, host);
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (auto& [name, value] : parameters) {
      if (name == "target_session_attrs" &&
          config_.database.target_session_attrs == TargetSessionAttrs::kPreferStandby) {
        value = standby_only ? "standby" : "any";
      }
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    PGconn* const raw = PQconnectStartParams(names.data(), values.data(), 0);
    if (raw == nullptr)
      return action_error({ReasonCode::kMemoryLimit, Action::kRetry}, "postgres: out of memory");
    std::unique_ptr<Connection> connection(new Connection(raw, interrupt_));
    // The SQLSTATE of a refused connection is only in the text, and only when asked for.
    PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
    PQsetNoticeProcessor(raw, on_notice, nullptr);
    if (absl::Status status = poll_until_made(*connection, host); !status.ok()) return status;
    PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
    PQsetnonblocking(raw, 1);
    final_ = true;  // reached: what fails from here on is no reason to look elsewhere
    if (absl::Status status = settle(*connection); !status.ok()) return status;
    return connection;
  }

  absl::Status poll_until_made(Connection& connection, std::size_t host) {
    PGconn* const raw = connection.raw();
    const auto deadline =
        Connection::Clock::now() + std::chrono::milliseconds(config_.database.connect_timeout_ms);
    if (PQstatus(raw) == CONNECTION_BAD) return refused(raw);
    // libpq asks for a wait in writing before the first poll.
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
      if (state == PGRES_POLLING_FAILED) return refused(raw);
      switch (wait_ready(connection, state == PGRES_POLLING_WRITING, deadline)) {
        case Connection::Ready::kInterrupted:
          return interrupted();
        case Connection::Ready::kTimeout:
          return action_error(
              {ReasonCode::kConnectRefused, Action::kRetry},
              concat("postgres: connect to ", config_.database.hosts[host], ": no answer within ",
                     config_.database.connect_timeout_ms, " ms (database.connect.timeout.ms)"));
        case Connection::Ready::kYes:
          break;
      }
      state = PQconnectPoll(raw);
    }
    return absl::OkStatus();
  }

  Connection::Ready wait_ready(Connection& connection, bool writing, Connection::Clock::time_point deadline) {
    // Before the connection stands, readable means something else than a wait for writing.
    for (;;) {
      if (interrupt_.is_set()) return Connection::Ready::kInterrupted;
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - Connection::Clock::now()).count();
      if (left <= 0) return Connection::Ready::kTimeout;
      pollfd fds[2] = {{PQsocket(connection.raw()), static_cast<short>(writing ? POLLOUT : POLLIN), 0},
                       {interrupt_.fd(), POLLIN, 0}};
      if (poll(fds, 2, static_cast<int>(std::min<std::int64_t>(left, 60'000))) > 0 && fds[0].revents != 0) {
        return Connection::Ready::kYes;
      }
    }
  }

  absl::Status refused(PGconn* raw) {
    const ConnectError error = parse_connect_error(PQerrorMessage(raw));
    const absl::Status status = server_error(Phase::kConnect, "connect", error.sqlstate, error.message);
    // As in libpq: a server that answers and refuses us ends the search, one that starts up or is full does
    // not.
    final_ = !error.sqlstate.empty() && action_of(status) != Action::kRetry;
    return status;
  }

  // Settings that older servers do not know, so that they cannot be startup options.
  absl::Status settle(Connection& connection) {
    std::string sql;
    if (connection.server_version() >= 140000) sql += "SET idle_session_timeout = 0;";
    if (connection.server_version() >= 170000) sql += "SET transaction_timeout = 0;";
    if (sql.empty()) return absl::OkStatus();
    return connection.query(Phase::kConnect, "set the session up", sql).status();
  }

  const PipelineConfig& config_;
  const ConnectionKind kind_;
  const Interrupt& interrupt_;
  bool final_ = false;
};

absl::StatusOr<std::unique_ptr<Connection>> Connection::open(const PipelineConfig& config,
                                                             ConnectionKind kind,
                                                             const Interrupt& interrupt) {
  return ConnectionMaker(config, kind, interrupt).make();
}

}  // namespace millrace::postgres
