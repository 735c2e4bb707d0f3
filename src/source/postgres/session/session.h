// SPDX-License-Identifier: Apache-2.0
// The requests of edge.h, answered one after the other with blocking calls. Runs on the session thread.
#pragma once
#include <memory>
#include <string>
#include <variant>

#include "source/postgres/edge.h"
#include "source/postgres/session/connection.h"
#include "source/postgres/session/snapshot_session.h"

namespace millrace::postgres {

/// StreamOpened before its socket is a stream.
struct StreamReady {
  TakenSocket socket;
};
/// EdgeEvent as the session's thread can make it: streams are made on the ingest's thread.
using SessionEvent =
    std::variant<ServerFacts, SlotCreated, SnapshotReady, SnapshotClosed, StreamReady, TableDescribed,
                 TransactionsChecked, ServerWatched, SlotDropped, EdgeFailed>;

struct SessionOptions {
  /// How long the creation of a slot may wait for open transactions.
  std::chrono::milliseconds slot_patience{120'000};
  /// How long the drop of a slot waits for our own walsender to leave it.
  std::chrono::milliseconds drop_patience{10'000};
  /// Refused logins in a row before a role that worked before is given up (a password is being changed).
  int auth_failures_max = 10;
};

/// Holds up to three connections: one for SQL, one idle for replication commands (it becomes the stream), and
/// while a snapshot beside an existing slot is taken the temporary slot's.
class Session {
 public:
  Session(const PipelineConfig& config, const Interrupt& interrupt, SessionOptions options)
      : config_(config), interrupt_(interrupt), options_(options) {}

  SessionEvent handle(const EdgeRequest& request);
  void close();

 private:
  template <class Event>
  SessionEvent answer(absl::StatusOr<Event> event);
  absl::StatusOr<ServerFacts> gather();
  absl::StatusOr<SlotCreated> create_slot(const CreateSlot& request);
  absl::StatusOr<SnapshotReady> open_snapshot(const OpenSnapshot& request);
  absl::StatusOr<SnapshotClosed> close_snapshot();
  absl::StatusOr<StreamReady> open_stream();
  absl::StatusOr<TransactionsChecked> check_transactions(const CheckTransactions& request);
  absl::StatusOr<TableDescribed> describe(const DescribeTable& request);
  absl::StatusOr<ServerWatched> watch();
  absl::StatusOr<SlotDropped> drop();

  /// The SQL connection, made anew when the old one has ended.
  absl::StatusOr<Connection*> sql();
  absl::Status open_if_needed(std::unique_ptr<Connection>& connection, ConnectionKind kind);

  const PipelineConfig& config_;
  const Interrupt& interrupt_;
  const SessionOptions options_;
  std::unique_ptr<Connection> sql_;
  std::unique_ptr<Connection> replication_;  // idle, or silent with the exported snapshot of a new slot
  std::unique_ptr<Connection> temporary_;    // silent with a temporary slot and its exported snapshot
  bool in_recovery_ = false;
  bool worked_before_ = false;
  int auth_failures_ = 0;
};

}  // namespace millrace::postgres
