// SPDX-License-Identifier: Apache-2.0
// One connection to the server: made without blocking, with the session settings that fix the text forms of
// values, and given up at once when the interrupt is set.
#pragma once
#include <libpq-fe.h>

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "source/postgres/session/errors.h"
#include "source/postgres/session/interrupt.h"
#include "source/postgres/session/result.h"

namespace millrace::postgres {

enum class ConnectionKind : std::uint8_t {
  kSql,          ///< Catalog queries.
  kReplication,  ///< replication=database: replication commands, and SQL by the simple protocol.
  kSnapshot,     ///< Reads the tables: refuses to have rows filtered by row-level security.
};

/// Owner: one thread at a time. Only the simple query protocol is used, so that both kinds speak alike.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kQueryTimeout{60'000};

  /// Tries the hosts in order, as libpq does: a server that was reached and refuses the role ends the search.
  /// @return a status with reason and action (errors.h); Cancelled when the interrupt was set. Never holds a
  /// password.
  static absl::StatusOr<std::unique_ptr<Connection>> open(const PipelineConfig& config, ConnectionKind kind,
                                                          const Interrupt& interrupt);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// One statement, or several: the last one's rows. `doing` begins the error's text.
  absl::StatusOr<Result> query(Phase phase, std::string_view doing, std::string_view sql,
                               std::chrono::milliseconds timeout = kQueryTimeout);
  /// Several statements in one round trip and one implicit transaction: a result for each.
  absl::StatusOr<std::vector<Result>> query_all(Phase phase, std::string_view doing, std::string_view sql,
                                                std::chrono::milliseconds timeout = kQueryTimeout);

  /// Sends without waiting; then wait() until it says true, or cancel(). For commands that take long.
  absl::Status send(Phase phase, std::string_view doing, std::string_view sql);
  /// True: collect() will not block. False: not within `patience`.
  absl::StatusOr<bool> wait(std::chrono::milliseconds patience);
  absl::StatusOr<std::vector<Result>> collect();
  /// Asks the server to end the statement and reads what is left of it. The connection is broken when that
  /// fails.
  void cancel();

  /// 170011 for 17.11.
  int server_version() const noexcept { return PQserverVersion(connection_); }
  int backend_pid() const noexcept { return PQbackendPID(connection_); }
  /// False once the server or the network has ended it. Looks at the socket; does not ask the server.
  bool alive();
  PGconn* raw() const noexcept { return connection_; }
  const Interrupt& interrupt() const noexcept { return interrupt_; }

 private:
  Connection(PGconn* connection, const Interrupt& interrupt)
      : connection_(connection), interrupt_(interrupt) {}
  enum class Ready : std::uint8_t { kYes, kTimeout, kInterrupted };
  Ready wait_for(bool writing, Clock::time_point deadline) const;
  absl::Status lost();

  friend class ConnectionMaker;
  PGconn* connection_;
  const Interrupt& interrupt_;
  Phase phase_ = Phase::kConnect;
  std::string doing_;
};

/// The settings every session gets, as libpq's `options`. A snapshot's row and the stream's row of the same
/// value must be the same bytes, so there is one list.
std::string session_options(ConnectionKind kind);

/// libpq's connection parameters for one host, in order. Holds the password.
std::vector<std::pair<std::string, std::string>> connection_parameters(const PipelineConfig& config,
                                                                       ConnectionKind kind, std::size_t host);

/// Splits a connection error that libpq wrote with PQERRORS_VERBOSE: takes SQLSTATE and LOCATION out.
struct ConnectError {
  std::string sqlstate;  ///< Empty: no ErrorResponse, libpq's own words.
  std::string message;
};
ConnectError parse_connect_error(std::string_view text);

}  // namespace millrace::postgres
