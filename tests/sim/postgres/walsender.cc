// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/walsender.h"

#include <algorithm>

#include "base/log.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::sim {

namespace {

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

std::int64_t pg_time(std::int64_t unix_us) { return unix_us - postgres::kPgEpochUnixUs; }

constexpr std::uint32_t kModelType = 16900;  // a type of the database's own: announced before its tables

}  // namespace

Walsender::Walsender(const Wal& wal, DecodingOptions options, std::uint64_t confirmed,
                     const ModelClock& clock)
    : wal_(wal),
      options_(options),
      confirmed_(confirmed),
      clock_(clock),
      sent_(confirmed),
      decoded_(confirmed) {
  context_.abort_with_lsn = options.parallel;
}

std::string Walsender::frame(char type, const std::string& body) {
  std::string out(1, type);
  put(out, body.size() + 4, 4);
  return out + body;
}

std::string Walsender::keepalive(std::uint64_t end, std::int64_t realtime_us, bool reply_requested) {
  std::string body = "k";
  put(body, end, 8);
  put(body, static_cast<std::uint64_t>(pg_time(realtime_us)), 8);
  put(body, reply_requested ? 1 : 0, 1);
  return frame('d', body);
}

void Walsender::send(const Message& message, std::uint64_t place) {
  if (log_enabled(LogLevel::kDebug))
    log_debug("server", to_string(message).substr(0, 200), {{"place", place}});
  std::string body = "w";
  put(body, place, 8);
  put(body, place, 8);
  put(body, static_cast<std::uint64_t>(pg_time(clock_.realtime_us())), 8);
  body += encode_message(message, context_);
  frames_.push_back(frame('d', body));
}

std::string Walsender::next_frame() {
  while (frames_.empty()) {
    sent_ = decoded_;
    if (next_record_ == wal_.records().size()) return {};
    const WalRecord& record = wal_.records()[next_record_++];
    decode(record);
    decoded_ = record.end;
  }
  std::string out = std::move(frames_.front());
  frames_.pop_front();
  return out;
}

void Walsender::decode(const WalRecord& record) {
  switch (record.kind) {
    case WalKind::kInsert:
    case WalKind::kUpdate:
    case WalKind::kDelete:
    case WalKind::kTruncate: {
      Transaction& transaction = transactions_[record.top];
      transaction.changes.push_back(next_record_ - 1);
      transaction.origin = record.origin;
      transaction.truncated.insert(record.tables.begin(), record.tables.end());
      ++in_memory_;
      if (options_.streaming && record.lsn >= confirmed_ && in_memory_ > options_.changes_in_memory) {
        stream_largest();
      }
      return;
    }
    case WalKind::kMessage:
      return decode_message(record);
    case WalKind::kAssign:
      return;
    case WalKind::kCommit:
      return decode_commit(record);
    case WalKind::kAbort:
      for (const std::uint32_t child : record.children) decode_abort(record.top, child, record.lsn);
      return decode_abort(record.top, record.xid, record.lsn);
    case WalKind::kPrepare:
      return decode_prepare(record);
    case WalKind::kCommitPrepared:
    case WalKind::kRollbackPrepared:
      return decode_finish_prepared(record);
    case WalKind::kCrashed: {
      std::vector<std::uint32_t> gone;
      for (const auto& [top, transaction] : transactions_) {
        if (!transaction.prepared) gone.push_back(top);
      }
      for (const std::uint32_t top : gone) decode_abort(top, top, 0);
      return;
    }
  }
}

// --- changes

void Walsender::announce(std::uint32_t table, std::uint32_t version, std::uint32_t xid,
                         Transaction* streamed) {
  auto& announced = streamed != nullptr ? streamed->announced : announced_;
  const auto found = announced.find(table);
  if (found != announced.end() && found->second == version) return;
  announced[table] = version;
  // A shape of a transaction in progress: its invalidations make the server announce the table to all again.
  if (const auto everybody = announced_.find(table);
      everybody != announced_.end() && everybody->second != version) {
    announced_.erase(everybody);
  }
  const TableShape shape = shape_of(table, version);
  if (version % 2 == 1) {
    Message type;
    type.type = 'Y';
    if (streamed != nullptr) type.stream_xid = xid;
    type.oid = kModelType;
    type.schema = "public";
    type.name = "model_type";
    send(type, 0);
  }
  Message relation;
  relation.type = 'R';
  if (streamed != nullptr) relation.stream_xid = xid;
  relation.oid = shape.oid;
  relation.schema = "public";
  relation.name = shape.name;
  relation.identity = shape.identity;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    relation.columns.push_back({shape.identity == 'f' || (shape.identity == 'd' && i == 0), shape.columns[i],
                                i == 0                       ? 23U
                                : version % 2 == 1 && i == 2 ? kModelType
                                                             : 25U,
                                -1});
  }
  send(relation, 0);
}

/// A truncate changes the table's files: its invalidations run before it, and again behind each part of its
/// transaction. The server announces the table again then.
void Walsender::forget(const std::set<std::uint32_t>& tables) {
  for (const std::uint32_t table : tables) {
    announced_.erase(table);
    for (auto& [top, transaction] : transactions_) transaction.announced.erase(table);
  }
}

namespace {

std::vector<reference::postgres::Field> tuple(const WalRecord& record, const TableShape& shape,
                                              bool key_only) {
  std::vector<reference::postgres::Field> fields(shape.columns.size());
  fields[0] = {'t', std::to_string(record.row)};
  if (key_only && shape.identity != 'f') return fields;
  fields[1] = {'t', std::to_string(record.tag) + "|" + std::string(record.padding, 'x')};
  for (std::size_t i = 2; i < fields.size(); ++i) fields[i].kind = i % 2 == 0 ? 'n' : 'u';
  return fields;
}

}  // namespace

void Walsender::send_changes(const std::vector<std::size_t>& changes, Transaction* streamed) {
  for (const std::size_t index : changes) {
    const WalRecord& record = wal_.records()[index];
    Message message;
    if (streamed != nullptr) {
      message.stream_xid = record.xid;
      streamed->streamed_xids.insert(record.xid);
    }
    switch (record.kind) {
      case WalKind::kTruncate:
        forget({record.tables.begin(), record.tables.end()});
        for (const std::uint32_t table : record.tables) {
          if (streamed != nullptr) streamed->announced.erase(table);
        }
        for (std::size_t i = 0; i < record.tables.size(); ++i) {
          announce(record.tables[i], record.versions[i], record.xid, streamed);
          message.oids.push_back(kFirstOid + record.tables[i]);
        }
        message.type = 'T';
        message.flags = static_cast<std::uint8_t>(record.tag % 4);
        send(message, record.lsn);
        break;
      case WalKind::kMessage:
        message.type = 'M';
        // The top transaction's, whichever subtransaction wrote it.
        if (streamed != nullptr) message.stream_xid = record.top;
        message.flags = 1;
        message.lsn = record.end;
        message.name = "model";
        message.content = std::to_string(record.tag) + "|" + std::string(record.padding, 'x');
        send(message, record.end);
        break;
      default: {
        announce(record.table, record.version, record.xid, streamed);
        const TableShape shape = shape_of(record.table, record.version);
        message.oid = shape.oid;
        message.type = record.kind == WalKind::kInsert ? 'I' : record.kind == WalKind::kUpdate ? 'U' : 'D';
        if (message.type == 'D' || (message.type == 'U' && shape.identity == 'f')) {
          message.old_kind = shape.identity == 'f' ? 'O' : 'K';
          message.old_fields = tuple(record, shape, true);
        }
        // A delete's tag rides in its key: the record must be told from others.
        if (message.type == 'D') message.old_fields[1] = {'t', std::to_string(record.tag) + "|"};
        if (message.type != 'D') message.new_fields = tuple(record, shape, false);
        send(message, record.lsn);
      }
    }
  }
}

void Walsender::decode_message(const WalRecord& record) {
  if (!options_.messages) return;
  if (record.transactional) {
    Transaction& transaction = transactions_[record.top];
    transaction.changes.push_back(next_record_ - 1);
    transaction.origin = record.origin;
    ++in_memory_;
    if (options_.streaming && record.lsn >= confirmed_ && in_memory_ > options_.changes_in_memory)
      stream_largest();
    return;
  }
  if (record.lsn < confirmed_) return;
  Message message;
  message.type = 'M';
  message.lsn = record.end;
  message.name = "model";
  message.content = std::to_string(record.tag) + "|" + std::string(record.padding, 'x');
  send(message, record.end);
}

// --- transactions in progress

void Walsender::stream_largest() {
  const auto largest = std::max_element(
      transactions_.begin(), transactions_.end(),
      [](const auto& a, const auto& b) { return a.second.changes.size() < b.second.changes.size(); });
  // What is prepared has left, or waits for its commit.
  if (largest->second.changes.empty() || largest->second.prepared) return;
  stream_block(largest->first, largest->second);
}

void Walsender::stream_block(std::uint32_t top, Transaction& transaction) {
  Message start;
  start.type = 'S';
  start.xid = top;
  start.flags = transaction.streamed ? 0 : 1;
  send(start, wal_.records()[transaction.changes.front()].lsn);
  if (!transaction.streamed && !transaction.origin.empty()) {
    Message origin;
    origin.type = 'O';
    origin.name = transaction.origin;
    send(origin, 0);
  }
  transaction.streamed = true;
  send_changes(transaction.changes, &transaction);
  Message stop;
  stop.type = 'E';
  send(stop, wal_.records()[transaction.changes.back()].lsn);
  in_memory_ -= transaction.changes.size();
  transaction.changes.clear();
  forget(transaction.truncated);
  for (const std::uint32_t table : transaction.truncated) transaction.announced.erase(table);
}

void Walsender::end_stream(Transaction& transaction) {
  for (const auto& [table, version] : transaction.announced) announced_[table] = version;
}

void Walsender::decode_abort(std::uint32_t top, std::uint32_t xid, std::uint64_t lsn) {
  const auto found = transactions_.find(top);
  if (found == transactions_.end()) return;
  Transaction& transaction = found->second;
  const std::size_t before = transaction.changes.size();
  std::erase_if(transaction.changes,
                [&](std::size_t index) { return xid == top || wal_.records()[index].xid == xid; });
  in_memory_ -= before - transaction.changes.size();
  if (xid == top ? transaction.streamed : transaction.streamed_xids.contains(xid)) {
    Message abort;
    abort.type = 'A';
    abort.xid = top;
    abort.subxid = xid;
    abort.lsn = lsn;
    abort.time = pg_time(clock_.realtime_us());
    send(abort, lsn);
    transaction.announced.clear();
  }
  if (xid == top) transactions_.erase(found);
}

// --- ends

void Walsender::decode_commit(const WalRecord& record) {
  const auto found = transactions_.find(record.top);
  Transaction transaction;
  if (found != transactions_.end()) {
    transaction = std::move(found->second);
    transactions_.erase(found);
    in_memory_ -= transaction.changes.size();
  }
  if (record.lsn < confirmed_) return;
  if (transaction.streamed) {
    if (!transaction.changes.empty()) {
      in_memory_ += transaction.changes.size();
      stream_block(record.top, transaction);
    }
    Message commit;
    commit.type = 'c';
    commit.xid = record.top;
    commit.lsn = record.lsn;
    commit.end_lsn = record.end;
    commit.time = pg_time(record.time_us);
    send(commit, record.end);
    end_stream(transaction);
    return forget(transaction.truncated);
  }
  if (transaction.changes.empty() && !options_.empty_transactions) return;
  Message begin;
  begin.type = 'B';
  begin.lsn = record.lsn;
  begin.time = pg_time(record.time_us);
  begin.xid = record.top;
  send(begin, record.origin.empty() && !transaction.changes.empty()
                  ? wal_.records()[transaction.changes.front()].lsn
                  : 0);
  if (!record.origin.empty()) {
    Message origin;
    origin.type = 'O';
    origin.name = record.origin;
    origin.lsn = record.lsn / 2;
    send(origin, 0);
  }
  send_changes(transaction.changes, nullptr);
  Message commit;
  commit.type = 'C';
  commit.lsn = record.lsn;
  commit.end_lsn = record.end;
  commit.time = pg_time(record.time_us);
  send(commit, record.end);
  forget(transaction.truncated);
}

Walsender::Message Walsender::prepared_message(char type, const WalRecord& record) const {
  Message message;
  message.type = type;
  message.lsn = record.lsn;
  message.end_lsn = record.end;
  message.time = pg_time(record.time_us);
  message.xid = record.top;
  message.name = record.gid;
  return message;
}

void Walsender::send_prepared(const WalRecord& prepare, Transaction& transaction) {
  if (transaction.streamed) {
    if (!transaction.changes.empty()) stream_block(prepare.top, transaction);
    // Its tables are announced again to others: the server's cache is not told of this end.
    return send(prepared_message('p', prepare), prepare.end);
  }
  send(prepared_message('b', prepare), prepare.end);
  if (!prepare.origin.empty()) {
    Message origin;
    origin.type = 'O';
    origin.name = prepare.origin;
    send(origin, 0);
  }
  send_changes(transaction.changes, nullptr);
  send(prepared_message('P', prepare), prepare.end);
  forget(transaction.truncated);
}

void Walsender::decode_prepare(const WalRecord& record) {
  Transaction& transaction = transactions_[record.top];
  transaction.prepared = true;
  transaction.prepare_record = next_record_ - 1;
  if (!options_.two_phase) return;
  const bool later = record.lsn < options_.two_phase_at;
  if (record.lsn >= confirmed_ && !later) send_prepared(record, transaction);
  if (later) return;
  in_memory_ -= transaction.changes.size();
  transaction.changes.clear();
}

void Walsender::decode_finish_prepared(const WalRecord& record) {
  if (options_.two_phase) {
    Transaction transaction = std::move(transactions_[record.top]);
    transactions_.erase(record.top);
    const bool commits = record.kind == WalKind::kCommitPrepared;
    const WalRecord& prepare = wal_.records()[transaction.prepare_record];
    if (record.lsn >= confirmed_ && commits && prepare.lsn < options_.two_phase_at) {
      send_prepared(prepare, transaction);
    }
    in_memory_ -= transaction.changes.size();
    if (record.lsn < confirmed_) return;
    if (commits) {
      send(prepared_message('K', record), record.end);
    } else {
      Message message = prepared_message('r', record);
      message.lsn = record.prepare_end;
      message.end_time = message.time;
      message.time = pg_time(record.prepare_time_us);
      send(message, record.end);
    }
    return;
  }
  if (record.kind == WalKind::kRollbackPrepared) return decode_abort(record.top, record.top, record.lsn);
  decode_commit(record);
}

}  // namespace millrace::sim
