// SPDX-License-Identifier: Apache-2.0
// The initial snapshot: one COPY after the other over a connection that has imported the slot's snapshot.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/source/postgres/backend.h"
#include "runtime/byte_stream.h"
#include "runtime/slab.h"
#include "source/batch_builder.h"
#include "source/postgres/edge.h"
#include "source/postgres/stream/change_stream.h"
#include "source/postgres/stream/receive_buffer.h"

namespace millrace::postgres {

/// What a snapshot has done, for people.
struct SnapshotProgress {
  std::size_t tables_total = 0;
  std::size_t tables_done = 0;
  std::uint64_t rows = 0;
  std::int64_t rows_estimated = -1;  ///< Of all tables; -1: unknown.
};

/// Owner: the ingest's thread. Rows are held back by one, because the last row of a table and of the snapshot
/// carry a marker of their own.
class SnapshotReader {
 public:
  using Classify = std::function<EdgeFailed(const ServerReport&)>;

  /// @param position  the snapshot's consistent point, for the rows' source blocks.
  SnapshotReader(BatchBuilder& builder, SlabPool& slabs, RelationFactory& relations, const Classify& classify,
                 std::uint32_t row_bytes_max, SnapshotOpened opened, std::uint64_t position);
  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  /// One turn. True when something was done.
  bool step();

  bool done() const noexcept { return state_ == State::kDone; }
  /// Not OK: the snapshot cannot be finished.
  const absl::Status& status() const noexcept { return status_; }
  bool retryable() const noexcept { return retryable_; }
  const SnapshotProgress& progress() const noexcept { return progress_; }

 private:
  enum class State : std::uint8_t { kNextTable, kSending, kCopying, kTableDone, kDone, kFailed };
  bool next_table();
  bool read();
  bool handle(const BackendMessage& message);
  bool row(std::span<const std::byte> line);
  bool let_go(SnapshotMarker marker);
  /// Of slabs that rows lie in which have not gone on.
  std::size_t kept_bytes() const noexcept;
  bool fail(absl::Status status, bool retryable);

  BatchBuilder& builder_;
  SlabPool& slabs_;
  RelationFactory& factory_;
  const Classify classify_;
  const std::uint32_t row_bytes_max_;
  ReceiveBuffer buffer_;
  SnapshotOpened opened_;
  const std::uint64_t position_;

  State state_ = State::kNextTable;
  std::size_t table_ = 0;
  RelationPtr relation_;
  std::size_t columns_ = 0;
  std::string query_;
  TransactionContext context_;
  std::optional<BackendMessage> pending_;  ///< Cut, but not handled: no batch or slab was free.

  // Rewritten rows lie in a slab of their own.
  Slab* rows_ = nullptr;
  // The row held back.
  bool held_ = false;
  Change held_change_;
  Slab* held_slab_ = nullptr;
  RelationPtr held_relation_;
  TransactionContext held_context_;
  std::size_t held_table_ = 0;
  std::uint64_t rows_out_ = 0;
  std::size_t last_out_table_ = static_cast<std::size_t>(-1);

  absl::Status status_;
  bool retryable_ = false;
  SnapshotProgress progress_;
};

}  // namespace millrace::postgres
