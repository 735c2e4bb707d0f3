// SPDX-License-Identifier: Apache-2.0
// A model PostgreSQL server: slots, walsenders, snapshots; it stops in order, crashes, is promoted, restored
// from a backup, and says what a hostile server might.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/postgres/database.h"
#include "sim/postgres/walsender.h"
#include "sim/verdict.h"
#include "sim/wire.h"
#include "source/postgres/edge.h"

namespace millrace::sim {

struct ModelPostgresOptions {
  std::int32_t version_num = 170002;
  std::int64_t wal_sender_timeout_ms = 60'000;
  std::size_t socket_bytes = 8192;     ///< What fits between the server and the client.
  std::size_t changes_in_memory = 24;  ///< logical_decoding_work_mem, in changes.
  std::int64_t keepalive_us = 50'000;  ///< An idle walsender says where it is.
  std::string slot = "orders";
};

/// What tables held when a slot was created.
struct ModelSnapshot {
  std::uint64_t position = 0;
  std::uint64_t transaction_id = 0;
  TableRows rows;
  std::array<std::uint32_t, kTables> versions{};
};

class ModelPostgres {
 public:
  ModelPostgres(ModelPostgresOptions options, Database& database, const ModelClock& clock, Verdict& verdict,
                std::uint64_t seed);
  ~ModelPostgres();

  bool step(std::int64_t now_us);
  std::int64_t next_deadline_us() const;

  // What the edge asks.
  bool up() const noexcept { return state_ == State::kUp; }
  /// Another number after every restart, and when another server has taken its place.
  std::uint64_t incarnation() const noexcept { return incarnation_; }
  void replace() noexcept { ++incarnation_; }
  postgres::ServerFacts facts() const;
  std::uint64_t create_slot(const std::string& name, bool temporary, bool two_phase);
  void drop_slot(const std::string& name) { slots_.erase(name); }
  bool has_slot(const std::string& name) const { return slots_.contains(name); }
  ModelSnapshot take_snapshot() const;
  std::shared_ptr<Wire> open_replication();
  std::shared_ptr<Wire> open_copies(std::vector<std::vector<std::string>> tables);

  // What the scheduler does to it.
  /// SIGINT: whatever the log holds is sent, and everybody has confirmed it, before it goes.
  void stop_in_order(std::int64_t down_us);
  void crash(std::int64_t down_us);
  void promote() noexcept;
  void terminate_backends(const std::string& sqlstate);
  void cut_connections();
  void stall_connections(std::int64_t until_us);
  /// The product's process died: its ends of the connections are gone, the server may notice late.
  void client_died();
  /// Bytes that do not belong there, between two messages of a stream.
  void say(std::uint64_t seed) { hostile_ = seed; }
  void say_nothing() {
    hostile_.reset();
    hostile_row_.reset();
  }
  /// The same in the next COPY.
  void say_in_copy(std::uint64_t seed) { hostile_row_ = seed; }
  postgres::SlotFacts* slot(const std::string& name);
  /// As a copy from when the log ended at `lsn` has it.
  void take_slot_back(std::uint64_t lsn);

  /// What the server says of itself from now on.
  std::function<void(postgres::ServerFacts&)> disguise;
  /// Called with each position the product tells, when it sends it.
  std::function<void(std::uint64_t written, std::uint64_t flushed)> on_status;

  Database& database() noexcept { return database_; }
  const ModelPostgresOptions& options() const noexcept { return options_; }
  /// Walsenders that ended because nobody answered them in time.
  std::uint64_t timeouts() const noexcept { return timeouts_; }
  bool waiting_to_stop() const noexcept { return state_ == State::kStopping; }
  bool keeps_prepared() const { return database_.prepared() > 0; }

 private:
  enum class State : std::uint8_t { kUp, kStopping, kDown };
  struct Slot {
    postgres::SlotFacts facts;
    std::uint64_t saved_confirmed = 0;
    std::uint64_t created_at = 0;
  };
  struct Backend;

  bool step(Backend& backend, std::int64_t now_us);
  bool stream(Backend& backend, std::int64_t now_us);
  bool idle(Backend& backend, std::int64_t now_us);
  void command(Backend& backend, const std::string& sql, std::int64_t now_us);
  void start_replication(Backend& backend, const std::string& sql, std::int64_t now_us);
  void copy(Backend& backend);
  void status(Backend& backend, const std::string& body, std::int64_t now_us);
  void report(Backend& backend, const std::string& sqlstate, const std::string& message, bool fatal);
  void go_down(std::int64_t now_us);
  std::shared_ptr<Backend> add_backend();

  const ModelPostgresOptions options_;
  Database& database_;
  const ModelClock& clock_;
  Verdict& verdict_;
  Random random_;
  State state_ = State::kUp;
  std::int64_t down_us_ = 0;
  std::int64_t up_again_us_ = kNever;
  std::int64_t stop_began_us_ = 0;
  std::uint32_t timeline_ = 1;
  std::string history_;
  std::map<std::string, Slot> slots_;
  std::vector<std::shared_ptr<Backend>> backends_;
  std::optional<std::uint64_t> hostile_;
  std::optional<std::uint64_t> hostile_row_;
  std::uint64_t timeouts_ = 0;
  std::uint64_t incarnation_ = 0;
};

}  // namespace millrace::sim
