// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/session.h"

#include <type_traits>
#include <utility>

#include "base/concat.h"
#include "source/postgres/session/catalog.h"
#include "source/postgres/session/facts.h"
#include "source/postgres/session/publication.h"
#include "source/postgres/session/slot.h"

namespace millrace::postgres {

template <class Event>
SessionEvent Session::answer(absl::StatusOr<Event> event) {
  if (event.ok()) return std::move(*event);
  EdgeFailed failed = to_event(event.status());
  // What waits for somebody is retried once it has worked: a password is rotated, a slot is freed. At a first
  // start it is a mistake to be told at once.
  const Action action = action_of(event.status());
  if (action == Action::kWait && !worked_before_) failed.retryable = false;
  if (reason_of(event.status()) == ReasonCode::kAuthFailed && ++auth_failures_ > options_.auth_failures_max) {
    failed.retryable = false;
  }
  return failed;
}

SessionEvent Session::handle(const EdgeRequest& request) {
  return std::visit(
      [this](const auto& wish) -> SessionEvent {
        using Wish = std::decay_t<decltype(wish)>;
        if constexpr (std::is_same_v<Wish, GatherFacts>) return answer(gather());
        if constexpr (std::is_same_v<Wish, CreateSlot>) return answer(create_slot(wish));
        if constexpr (std::is_same_v<Wish, OpenSnapshot>) return answer(open_snapshot(wish));
        if constexpr (std::is_same_v<Wish, CloseSnapshot>) return answer(close_snapshot());
        if constexpr (std::is_same_v<Wish, OpenStream>) return answer(open_stream());
        if constexpr (std::is_same_v<Wish, DescribeTable>) return answer(describe(wish));
        if constexpr (std::is_same_v<Wish, CheckTransactions>) return answer(check_transactions(wish));
        if constexpr (std::is_same_v<Wish, WatchServer>) return answer(watch());
        if constexpr (std::is_same_v<Wish, DropSlot>) return answer(drop());
      },
      request);
}

void Session::close() {
  sql_.reset();
  replication_.reset();
  temporary_.reset();
}

absl::Status Session::open_if_needed(std::unique_ptr<Connection>& connection, ConnectionKind kind) {
  if (connection != nullptr && connection->alive()) return absl::OkStatus();
  connection.reset();
  absl::StatusOr<std::unique_ptr<Connection>> made = Connection::open(config_, kind, interrupt_);
  if (!made.ok()) return made.status();
  connection = std::move(*made);
  return absl::OkStatus();
}

absl::StatusOr<Connection*> Session::sql() {
  if (absl::Status status = open_if_needed(sql_, ConnectionKind::kSql); !status.ok()) return status;
  return sql_.get();
}

absl::StatusOr<ServerFacts> Session::gather() {
  close();
  if (const absl::StatusOr<Connection*> connected = sql(); !connected.ok()) return connected.status();
  if (absl::Status status = open_if_needed(replication_, ConnectionKind::kReplication); !status.ok())
    return status;
  absl::StatusOr<ServerFacts> facts = read_facts(*sql_, *replication_);
  if (!facts.ok()) return facts.status();
  if (absl::Status status = read_slot_and_end(*sql_, config_.slot.name, *facts); !status.ok()) return status;
  in_recovery_ = facts->in_recovery;
  const absl::Status publication =
      ensure_publication(*sql_, config_, facts->in_recovery, facts->slot.has_value()).status();
  if (!publication.ok()) return publication;
  auth_failures_ = 0;
  return facts;
}

absl::StatusOr<SlotCreated> Session::create_slot(const CreateSlot& request) {
  const absl::StatusOr<Connection*> watch = sql();
  if (!watch.ok()) return watch.status();
  std::unique_ptr<Connection>& connection = request.temporary ? temporary_ : replication_;
  if (absl::Status status = open_if_needed(connection, ConnectionKind::kReplication); !status.ok())
    return status;
  SlotWish wish{config_.slot.name, request.temporary, request.export_snapshot,
                config_.slot.failover && !in_recovery_};
  // Process ids of living sessions differ, so names of temporary slots do.
  if (request.temporary) wish.name = concat("millrace_snapshot_", connection->backend_pid());
  return postgres::create_slot(*connection, **watch, wish, options_.slot_patience);
}

absl::StatusOr<SnapshotReady> Session::open_snapshot(const OpenSnapshot& request) {
  return postgres::open_snapshot(config_, request.snapshot_name, interrupt_);
}

absl::StatusOr<SnapshotClosed> Session::close_snapshot() {
  temporary_.reset();  // its slot goes with it
  return SnapshotClosed{};
}

absl::StatusOr<StreamReady> Session::open_stream() {
  if (absl::Status status = open_if_needed(replication_, ConnectionKind::kReplication); !status.ok())
    return status;
  absl::StatusOr<TakenSocket> socket = take_over(std::move(replication_));
  if (!socket.ok()) return socket.status();
  worked_before_ = true;
  return StreamReady{std::move(*socket)};
}

absl::StatusOr<TableDescribed> Session::describe(const DescribeTable& request) {
  const absl::StatusOr<Connection*> connection = sql();
  if (!connection.ok()) return connection.status();
  absl::StatusOr<TableDescription> description = describe_table(**connection, request.oid);
  if (!description.ok()) return description.status();
  return TableDescribed{std::move(*description)};
}

absl::StatusOr<TransactionsChecked> Session::check_transactions(const CheckTransactions& request) {
  const absl::StatusOr<Connection*> connection = sql();
  if (!connection.ok()) return connection.status();
  std::string xids;
  for (const std::uint32_t xid : request.xids) append(xids, xids.empty() ? "" : ",", xid);
  // An xid of the stream has 32 bits; the whole one is the newest below the next to be assigned. NULL: its
  // place in the commit log has been given up.
  const absl::StatusOr<Result> rows = (*connection)
                                          ->query(Phase::kQuery, "look what became of subtransactions",
                                                  concat(R"(
SELECT count(*) FROM (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS next) n, unnest('{)",
                                                         xids, R"(}'::bigint[]) AS x
  WHERE txid_status(greatest(next - ((next - x) & 4294967295), 0)) IS DISTINCT FROM 'committed'
    AND txid_status(greatest(next - ((next - x) & 4294967295), 0)) IS DISTINCT FROM 'in progress')"));
  if (!rows.ok()) return rows.status();
  return TransactionsChecked{rows->number<std::int64_t>(0, 0) == 0};
}

absl::StatusOr<ServerWatched> Session::watch() {
  const absl::StatusOr<Connection*> connection = sql();
  if (!connection.ok()) return connection.status();
  ServerFacts facts;
  if (absl::Status status = read_slot_and_end(**connection, config_.slot.name, facts); !status.ok())
    return status;
  return ServerWatched{facts.end_of_wal, std::move(facts.slot)};
}

absl::StatusOr<SlotDropped> Session::drop() {
  replication_.reset();
  const absl::StatusOr<Connection*> connection = sql();
  if (!connection.ok()) return connection.status();
  if (absl::Status status = drop_slot(**connection, config_.slot.name, options_.drop_patience); !status.ok())
    return status;
  return SlotDropped{};
}

}  // namespace millrace::postgres
