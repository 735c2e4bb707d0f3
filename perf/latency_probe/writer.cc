// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <deque>
#include <memory>
#include <stdexcept>
#include <thread>

namespace millrace::latency {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kConnections = 8;
constexpr auto kLate = std::chrono::milliseconds(100);

struct Connection {
  std::unique_ptr<PGconn, decltype(&PQfinish)> link{nullptr, &PQfinish};
  bool busy = false;
};

void must(bool good, const Connection& connection, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + PQerrorMessage(connection.link.get()));
}

void open(Connection& connection, const Options& options) {
  connection.link.reset(PQconnectdb(options.conninfo.c_str()));
  must(PQstatus(connection.link.get()) == CONNECTION_OK, connection, "connect");
  const std::string insert = "insert into " + options.table + " (id, sent_us) values ($1, $2)";
  PGresult* result = PQprepare(connection.link.get(), "i", insert.c_str(), 2, nullptr);
  must(PQresultStatus(result) == PGRES_COMMAND_OK, connection, "prepare");
  PQclear(result);
}

/// The statement commits by itself: the clock is read right before the commit sets out.
void send(Connection& connection, std::int64_t id) {
  const std::string id_text = std::to_string(id);
  const std::string clock_text = std::to_string(now_us());
  const std::array<const char*, 2> values = {id_text.c_str(), clock_text.c_str()};
  must(PQsendQueryPrepared(connection.link.get(), "i", 2, values.data(), nullptr, nullptr, 0) == 1,
       connection, "send");
  connection.busy = true;
}

/// Takes what has arrived; the connection is free again after its answer.
void receive(Connection& connection) {
  must(PQconsumeInput(connection.link.get()) == 1, connection, "receive");
  while (connection.busy && PQisBusy(connection.link.get()) == 0) {
    PGresult* result = PQgetResult(connection.link.get());
    if (result == nullptr) {
      connection.busy = false;
    } else {
      must(PQresultStatus(result) == PGRES_COMMAND_OK, connection, "insert");
      PQclear(result);
    }
  }
}

/// Waits for an answer on any connection, until a time at most.
void wait(std::array<Connection, kConnections>& connections, Clock::time_point until) {
  std::array<pollfd, kConnections> fds{};
  for (std::size_t i = 0; i < kConnections; ++i) {
    fds[i] = {
        .fd = connections[i].busy ? PQsocket(connections[i].link.get()) : -1, .events = POLLIN, .revents = 0};
  }
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now());
  if (left.count() <= 0 && until != Clock::time_point::max()) return;
  timespec timeout{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
  ppoll(fds.data(), fds.size(), until == Clock::time_point::max() ? nullptr : &timeout, nullptr);
  for (std::size_t i = 0; i < kConnections; ++i) {
    if (fds[i].revents != 0) receive(connections[i]);
  }
}

Connection* free_one(std::array<Connection, kConnections>& connections) {
  for (Connection& connection : connections) {
    if (!connection.busy) return &connection;
  }
  return nullptr;
}

}  // namespace

std::size_t write_rows(const Options& options) {
  std::array<Connection, kConnections> connections;
  for (Connection& connection : connections) open(connection, options);
  const std::int64_t rows = std::int64_t{options.rate} * options.seconds;
  const auto begin = Clock::now();
  std::size_t late = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto due = begin + std::chrono::nanoseconds(i * 1'000'000'000 / options.rate);
    while (Clock::now() < due) wait(connections, due);
    Connection* connection = free_one(connections);
    for (; connection == nullptr; connection = free_one(connections))
      wait(connections, Clock::time_point::max());
    late += Clock::now() - due > kLate ? 1 : 0;
    send(*connection, options.first_id + i);
  }
  for (Connection& connection : connections) {
    while (connection.busy) wait(connections, Clock::time_point::max());
  }
  return late;
}

}  // namespace millrace::latency
