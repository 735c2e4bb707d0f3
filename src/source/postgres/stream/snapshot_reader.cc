// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/snapshot_reader.h"

#include <algorithm>

#include "base/concat.h"
#include "base/reason_code.h"
#include "millrace/source/postgres/replication.h"
#include "source/postgres/stream/copy_row.h"

namespace millrace::postgres {

namespace {

/// The announcement that the stream would make for the copied columns of a table.
RelationView announce(const SnapshotTable& table, std::vector<ColumnView>& storage) {
  const TableDescription& described = table.description;
  const auto identity = static_cast<ReplicaIdentity>(described.replica_identity);
  const auto is_marked = [&](const std::string& name) {
    if (identity != ReplicaIdentity::kDefault) return identity == ReplicaIdentity::kFull;
    return std::find(described.primary_key.begin(), described.primary_key.end(), name) !=
           described.primary_key.end();
  };
  storage.clear();
  for (const std::string& name : table.columns) {
    for (const ColumnDescription& column : described.columns) {
      if (column.name != name) continue;
      storage.push_back({column.name, TypeOid{column.type}, column.type_modifier, is_marked(name)});
    }
  }
  return {RelationOid{described.oid}, described.schema, described.name, identity, storage};
}

}  // namespace

SnapshotReader::SnapshotReader(BatchBuilder& builder, SlabPool& slabs, RelationFactory& relations,
                               const Classify& classify, std::uint32_t row_bytes_max, SnapshotOpened opened,
                               std::uint64_t position)
    : builder_(builder),
      slabs_(slabs),
      factory_(relations),
      classify_(classify),
      row_bytes_max_(row_bytes_max),
      buffer_(slabs, row_bytes_max + kAroundRow),
      opened_(std::move(opened)),
      position_(position) {
  progress_.tables_total = opened_.tables.size();
  progress_.rows_estimated = 0;
  for (const SnapshotTable& table : opened_.tables) {
    if (table.estimated_rows < 0) progress_.rows_estimated = -1;
    if (progress_.rows_estimated >= 0) progress_.rows_estimated += table.estimated_rows;
  }
}

SnapshotReader::~SnapshotReader() {
  if (opened_.stream != nullptr) opened_.stream->close();
  if (held_) slabs_.release(held_slab_);
  if (rows_ != nullptr) slabs_.release(rows_);
}

bool SnapshotReader::fail(absl::Status status, bool retryable) {
  status_ = std::move(status);
  retryable_ = retryable;
  state_ = State::kFailed;
  return true;
}

bool SnapshotReader::step() {
  switch (state_) {
    case State::kNextTable:
      return next_table();
    case State::kSending:
      if (!opened_.stream->send(std::as_bytes(std::span(query_)))) return read();
      state_ = State::kCopying;
      (void)read();
      return true;
    case State::kCopying:
      return read();
    case State::kTableDone:
      ++progress_.tables_done;
      ++table_;
      state_ = State::kNextTable;
      return true;
    case State::kDone:
    case State::kFailed:
      return false;
  }
  return false;
}

bool SnapshotReader::next_table() {
  if (table_ == opened_.tables.size()) {
    if (held_ && !let_go(SnapshotMarker::kLast)) return false;
    builder_.cut();
    state_ = State::kDone;
    return true;
  }
  const SnapshotTable& table = opened_.tables[table_];
  std::vector<ColumnView> storage;
  const RelationView view = announce(table, storage);
  absl::StatusOr<RelationPtr> made = factory_.make(view, &table.description);
  if (!made.ok()) return fail(made.status(), false);
  relation_ = *std::move(made);
  columns_ = table.columns.size();
  context_ = TransactionContext{};
  context_.id = opened_.transaction_id;
  context_.commit_time_us = table.read_time_us;
  context_.commit_position = position_;
  absl::StatusOr<std::string> query = encode_query(table.copy_sql);
  if (!query.ok()) return fail(query.status(), false);
  query_ = *std::move(query);
  state_ = State::kSending;
  return true;
}

std::size_t SnapshotReader::kept_bytes() const noexcept {
  const std::size_t rows = rows_ == nullptr ? 0 : rows_->capacity;
  return held_ && held_slab_ != rows_ ? rows + held_slab_->capacity : rows;
}

bool SnapshotReader::read() {
  bool worked = false;
  for (;;) {
    while (pending_ || buffer_.next(pending_.emplace()) == FrameResult::kMessage) {
      if (!handle(*pending_)) {
        builder_.cut();
        return worked;
      }
      pending_.reset();
      worked = true;
      if (state_ != State::kCopying) {
        builder_.cut();
        return true;
      }
    }
    pending_.reset();
    builder_.cut();
    if (is_row_too_large(buffer_.reader())) {
      return fail(
          with_reason(absl::ResourceExhaustedError(concat(
                          "postgres snapshot: row ", progress_.rows + 1, ", of table ", relation_->schema,
                          ".", relation_->table, ", has ", buffer_.reader().message_bytes(),
                          " bytes, row.bytes.max is ", row_bytes_max_)),
                      ReasonCode::kRowTooLarge),
          false);
    }
    if (const DecodeError error = buffer_.reader().error()) {
      return fail(
          with_reason(absl::DataLossError(concat("postgres snapshot: bad message at byte ",
                                                 buffer_.reader().stream_offset() + error.byte_offset,
                                                 " of the copy connection: ", to_string(error.reason))),
                      ReasonCode::kSourceProtocol),
          false);
    }
    if (!opened_.stream->armed()) {
      const std::span<std::byte> space = buffer_.space(kept_bytes());
      if (space.empty()) return worked;
      opened_.stream->arm(space);
    }
    const ReadOutcome outcome = opened_.stream->take();
    switch (outcome.kind) {
      case ReadOutcome::Kind::kPending:
        return worked;
      case ReadOutcome::Kind::kBytes:
        buffer_.received(outcome.bytes);
        worked = true;
        break;
      case ReadOutcome::Kind::kClosed:
      case ReadOutcome::Kind::kError:
        return fail(
            with_reason(absl::UnavailableError(concat("postgres snapshot: the connection was lost while "
                                                      "table ",
                                                      relation_->schema, ".", relation_->table, " was copied",
                                                      outcome.detail.empty() ? "" : ": ", outcome.detail)),
                        ReasonCode::kSnapshotFailed),
            true);
    }
  }
}

bool SnapshotReader::handle(const BackendMessage& message) {
  switch (message.type) {
    case 'd':
      return row(message.body);
    case 'Z':
      state_ = State::kTableDone;
      return true;
    case 'E': {
      ServerReport report;
      if (decode_server_report(Cursor(message.body), report)) report.message = "(an unreadable error)";
      EdgeFailed failed = classify_(report);
      // What may be tried again is tried with another snapshot.
      const ReasonCode reason = failed.retryable ? ReasonCode::kSnapshotFailed : reason_of(failed.status);
      return fail(with_reason(absl::Status(failed.status.code(),
                                           concat("postgres snapshot of table ", relation_->schema, ".",
                                                  relation_->table, ": ", failed.status.message())),
                              reason),
                  failed.retryable),
             true;
    }
    default:
      return true;  // H, c, C and what may come at any time
  }
}

bool SnapshotReader::row(std::span<const std::byte> line) {
  // Room for the row first, so that a refusal leaves nothing half done.
  const std::size_t wanted = copy_row_bytes(line.size(), columns_);
  if (rows_ == nullptr || rows_->capacity - rows_->filled < wanted) {
    if (rows_ != nullptr) slabs_.release(rows_);
    rows_ = wanted <= slabs_.slab_bytes() ? slabs_.take() : nullptr;
    // The bytes this row comes from and the row held back stay until it is rewritten: a large one passes with
    // them, and so does a small one behind a large one.
    if (rows_ == nullptr) {
      rows_ = slabs_.take_oversize(std::max(wanted, slabs_.slab_bytes()),
                                   kept_bytes() + buffer_.slab()->capacity);
    }
    if (rows_ == nullptr) return false;
  }
  if (held_) {
    const bool first = rows_out_ == 0;
    const bool first_of_table = held_table_ != last_out_table_;
    const bool table_ends = held_table_ != table_;
    SnapshotMarker marker = SnapshotMarker::kTrue;
    if (first_of_table) marker = SnapshotMarker::kFirstInTable;
    if (table_ends) marker = SnapshotMarker::kLastInTable;
    if (first) marker = SnapshotMarker::kFirst;
    if (!let_go(marker)) return false;
  }
  std::size_t written = 0;
  std::byte* at = rows_->memory.get() + rows_->filled;
  if (const DecodeError error = rewrite_copy_row(line, static_cast<std::uint32_t>(relation_->id), columns_,
                                                 {at, wanted}, written)) {
    return fail(with_reason(absl::DataLossError(concat("postgres snapshot: bad row of table ",
                                                       relation_->schema, ".", relation_->table, ", byte ",
                                                       error.byte_offset, ": ", to_string(error.reason))),
                            ReasonCode::kSourceProtocol),
                false),
           true;
  }
  rows_->filled += written;
  ++progress_.rows;
  held_ = true;
  held_change_ = Change{};
  held_change_.body = at;
  held_change_.size = static_cast<std::uint32_t>(written);
  held_change_.kind = ChangeKind::kRead;
  held_change_.position = position_;
  held_slab_ = rows_;
  slabs_.add_reference(held_slab_);
  held_relation_ = relation_;
  held_context_ = context_;
  held_table_ = table_;
  return true;
}

bool SnapshotReader::let_go(SnapshotMarker marker) {
  if (!builder_.open()) return false;
  if (held_table_ != last_out_table_) builder_.next_transaction();
  held_change_.snapshot = marker;
  builder_.add(held_change_, held_relation_, held_context_, held_slab_);
  slabs_.release(held_slab_);
  held_ = false;
  ++rows_out_;
  last_out_table_ = held_table_;
  return true;
}

}  // namespace millrace::postgres
