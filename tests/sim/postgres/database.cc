// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/database.h"

#include <algorithm>

#include "base/check.h"
#include "base/concat.h"
#include "change/batch.h"
#include "sim/postgres/identity.h"

namespace millrace::sim {

namespace {

std::string value_text(const WalRecord& record) {
  return concat(record.tag, "|", std::string(record.padding, 'x'));
}

}  // namespace

/// A client with an open (or prepared) transaction.
struct Database::Session {
  explicit Session(std::uint64_t seed) : random(seed) {}

  struct Level {
    std::uint32_t xid = 0;                ///< 0: nothing written yet.
    std::vector<std::uint32_t> children;  ///< Released subtransactions below it, innermost first.
  };
  struct Change {
    std::size_t record;
    std::uint32_t xid;
  };
  struct Shape {
    std::uint32_t table;
    std::uint32_t version;
    std::uint32_t xid;
  };

  Random random;
  std::uint64_t client = 0;
  std::int64_t next_us = 0;
  std::uint32_t statements_left = 0;
  std::vector<Level> levels = std::vector<Level>(1);
  std::vector<Change> changes;
  std::vector<Shape> shapes;
  std::set<std::uint32_t> tables;     ///< Written to.
  std::set<std::uint32_t> exclusive;  ///< Of those, locked against everybody.
  std::string origin;
  std::string gid;  ///< Not empty: prepared.
  std::uint64_t indecision = random.percent(50) ? 50 : 97;
  std::uint64_t prepare_end = 0;
  std::int64_t prepare_time_us = 0;
  bool ended = false;

  std::uint32_t top() const { return levels.front().xid; }
};

Database::Database(WorkloadOptions options, const ModelClock& clock, Ledger& ledger)
    : options_(options), clock_(clock), ledger_(ledger) {
  wal_.append({}, 64);
}
Database::~Database() = default;

const WalRecord& Database::append(WalRecord record, std::uint32_t bytes) {
  record.time_us = clock_.realtime_us();
  return wal_.append(std::move(record), bytes);
}

void Database::begin_transaction(std::uint64_t seed) {
  auto session = std::make_unique<Session>(seed);
  Random& random = session->random;
  session->statements_left = static_cast<std::uint32_t>(1 + random.below(options_.changes_max));
  if (random.percent(4)) session->statements_left *= 6;  // large enough to be streamed
  if (options_.origins && random.percent(10)) session->origin = "elsewhere";
  session->next_us = clock_.monotonic_us();
  session->client = next_client_++;
  say(*session, "BEGIN");
  sessions_.push_back(std::move(session));
}

void Database::emit_message(std::uint64_t seed) {
  if (!options_.messages) return;
  Random random(seed);
  WalRecord record;
  record.kind = WalKind::kMessage;
  record.tag = next_tag_++;
  record.padding = static_cast<std::uint32_t>(random.below(options_.padding_max + 1));
  if (on_statement) {
    on_statement(0, concat("SELECT pg_logical_emit_message(false, 'model', '", value_text(record), "')"));
  }
  const WalRecord& at = append(std::move(record), 40 + static_cast<std::uint32_t>(random.below(60)));
  committed_.push_back({at.lsn, at.end, 0, at.time_us, {}, {wal_.records().size() - 1}});
  expect(committed_.back());
}

void Database::write_noise(std::uint64_t seed) { append({}, 24 + static_cast<std::uint32_t>(seed % 400)); }

bool Database::step(std::int64_t now_us) {
  bool worked = false;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    Session& session = *sessions_[i];
    if (session.next_us > now_us) continue;
    statement(session);
    session.next_us = clock_.monotonic_us() + session.random.between(0, options_.pause_us);
    worked = true;
  }
  std::erase_if(sessions_, [](const auto& session) { return session->ended; });
  return worked;
}

std::int64_t Database::next_deadline_us() const {
  std::int64_t deadline = kNever;
  for (const auto& session : sessions_) deadline = std::min(deadline, session->next_us);
  return deadline;
}

void Database::settle() {
  for (const auto& session : sessions_) session->next_us = std::min(session->next_us, clock_.monotonic_us());
}

std::size_t Database::prepared() const noexcept {
  return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(),
                                                [](const auto& session) { return !session->gid.empty(); }));
}

void Database::end_sessions(bool crash) {
  for (const auto& session : sessions_) {
    if (!session->gid.empty()) continue;  // prepared: survives
    if (!crash) roll_back(*session);
    session->ended = true;
  }
  std::erase_if(sessions_, [](const auto& session) { return session->ended; });
  if (crash) {
    WalRecord record;
    record.kind = WalKind::kCrashed;
    append(std::move(record), 56);
  }
}

void Database::restore(std::uint64_t lsn) {
  sessions_.clear();
  wal_.cut_back(lsn);
  expecting_ = false;
}

// --- statements

void Database::say(const Session& session, const std::string& sql) const {
  if (on_statement) on_statement(session.client, sql);
}

/// Inserts take a row of their own, the others one that this transaction has made.
void Database::own_row(Session& session, WalRecord& record) {
  std::set<std::uint32_t> rows;
  for (const Session::Change& change : session.changes) {
    const WalRecord& before = wal_.records()[change.record];
    const bool truncated =
        before.kind == WalKind::kTruncate &&
        std::find(before.tables.begin(), before.tables.end(), record.table) != before.tables.end();
    if (truncated) rows.clear();
    if (before.table != record.table) continue;
    if (before.kind == WalKind::kInsert) rows.insert(before.row);
    if (before.kind == WalKind::kDelete) rows.erase(before.row);
  }
  if (record.kind == WalKind::kInsert || rows.empty()) {
    record.kind = WalKind::kInsert;
    record.row = static_cast<std::uint32_t>(record.tag);
  } else {
    record.row = *rows.begin();
  }
}

void Database::statement(Session& session) {
  if (!session.gid.empty()) return decide_prepared(session);
  if (session.statements_left == 0) return finish(session);
  --session.statements_left;
  const std::uint64_t choice = session.random.below(100);
  if (choice < 66) return write_row(session);
  if (choice < 76) return savepoint(session);
  if (choice < 82) return release(session);
  if (choice < 88) return roll_back_to(session);
  if (choice < 92) return message(session);
  if (choice < 95) return change_shape(session);
  if (choice < 98) return truncate(session);
  write_noise(session.random.next());
}

std::uint32_t Database::xid_of(Session& session) {
  // Parents get theirs first.
  for (Session::Level& level : session.levels) {
    if (level.xid == 0) level.xid = next_xid_++;
  }
  return session.levels.back().xid;
}

std::uint32_t Database::version_of(const Session& session, std::uint32_t table) const {
  for (auto shape = session.shapes.rbegin(); shape != session.shapes.rend(); ++shape) {
    if (shape->table == table) return shape->version;
  }
  return committed_version_[table];
}

bool Database::lock(Session& session, std::uint32_t table, bool exclusive) {
  for (const auto& other : sessions_) {
    if (other.get() == &session) continue;
    if (other->exclusive.contains(table) || (exclusive && other->tables.contains(table))) return false;
  }
  session.tables.insert(table);
  if (exclusive) session.exclusive.insert(table);
  return true;
}

void Database::write_row(Session& session) {
  Random& random = session.random;
  WalRecord record;
  record.table = static_cast<std::uint32_t>(random.below(kTables));
  if (!lock(session, record.table, false)) return;
  const WalKind kinds[] = {WalKind::kInsert, WalKind::kInsert, WalKind::kUpdate, WalKind::kDelete};
  record.kind = record.table == kKeylessTable ? WalKind::kInsert : random.pick(kinds);
  record.xid = xid_of(session);
  record.top = session.top();
  record.version = version_of(session, record.table);
  record.tag = next_tag_++;
  record.row = record.table == kKeylessTable ? static_cast<std::uint32_t>(record.tag)
                                             : static_cast<std::uint32_t>(random.below(16));
  record.padding = static_cast<std::uint32_t>(random.below(options_.padding_max + 1));
  if (options_.large_row != 0 && random.percent(3)) record.padding = options_.large_row;
  record.origin = session.origin;
  if (options_.own_rows) own_row(session, record);
  const std::string name = shape_of(record.table, 0).name;
  const std::string column = shape_of(record.table, record.version).columns[1];
  if (record.kind == WalKind::kInsert) {
    say(session, concat("INSERT INTO ", name, " (id, ", column, ") VALUES (", record.row, ", '",
                        value_text(record), "')"));
  } else if (record.kind == WalKind::kUpdate) {
    say(session,
        concat("UPDATE ", name, " SET ", column, " = '", value_text(record), "' WHERE id = ", record.row));
  } else {
    say(session, concat("DELETE FROM ", name, " WHERE id = ", record.row));
  }
  append(std::move(record), 50 + static_cast<std::uint32_t>(random.below(100)));
  session.changes.push_back({wal_.records().size() - 1, session.levels.back().xid});
}

void Database::truncate(Session& session) {
  Random& random = session.random;
  WalRecord record;
  record.kind = WalKind::kTruncate;
  const std::uint64_t count = 1 + random.below(3);
  const std::uint64_t first = random.below(kTables);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto table = static_cast<std::uint32_t>((first + i) % kTables);
    if (!lock(session, table, true)) return;
    record.tables.push_back(table);
    record.versions.push_back(version_of(session, table));
  }
  record.xid = xid_of(session);
  record.top = session.top();
  record.tag = next_tag_++;
  record.origin = session.origin;
  std::string sql = "TRUNCATE ";
  for (const std::uint32_t table : record.tables) {
    millrace::append(sql, record.tables.front() == table ? "" : ", ", shape_of(table, 0).name);
  }
  say(session, sql);
  append(std::move(record), 60);
  session.changes.push_back({wal_.records().size() - 1, session.levels.back().xid});
}

void Database::change_shape(Session& session) {
  const auto table = static_cast<std::uint32_t>(session.random.below(kTables));
  if (!options_.shapes || !lock(session, table, true)) return;
  const std::uint32_t xid = xid_of(session);
  session.shapes.push_back({table, ++last_version_[table], xid});
  write_noise(session.random.next());  // the catalog's own rows
}

void Database::message(Session& session) {
  if (!options_.messages) return;
  if (session.random.percent(30)) return emit_message(session.random.next());
  WalRecord record;
  record.kind = WalKind::kMessage;
  record.transactional = true;
  record.xid = xid_of(session);
  record.top = session.top();
  record.tag = next_tag_++;
  record.origin = session.origin;
  say(session, concat("SELECT pg_logical_emit_message(true, 'model', '", value_text(record), "')"));
  append(std::move(record), 48);
  session.changes.push_back({wal_.records().size() - 1, session.levels.back().xid});
}

void Database::savepoint(Session& session) {
  say(session, concat("SAVEPOINT s", session.levels.size()));
  session.levels.emplace_back();
}

void Database::release(Session& session) {
  if (session.levels.size() == 1) return;
  say(session, concat("RELEASE SAVEPOINT s", session.levels.size() - 1));
  const Session::Level level = session.levels.back();
  session.levels.pop_back();
  auto& children = session.levels.back().children;
  children.insert(children.end(), level.children.begin(), level.children.end());
  if (level.xid != 0) children.push_back(level.xid);
}

void Database::forget(Session& session, const std::set<std::uint32_t>& xids) {
  std::erase_if(session.changes, [&](const auto& change) { return xids.contains(change.xid); });
  std::erase_if(session.shapes, [&](const auto& shape) { return xids.contains(shape.xid); });
}

void Database::roll_back_to(Session& session) {
  if (session.levels.size() == 1) return;
  const std::string name = concat("s", session.levels.size() - 1);
  say(session, concat("ROLLBACK TO SAVEPOINT ", name, "; RELEASE SAVEPOINT ", name));
  const Session::Level level = session.levels.back();
  session.levels.pop_back();
  if (level.xid == 0) return;
  WalRecord record;
  record.kind = WalKind::kAbort;
  record.top = session.top();
  record.xid = level.xid;
  record.children = level.children;
  append(std::move(record), 40);
  std::set<std::uint32_t> xids(level.children.begin(), level.children.end());
  xids.insert(level.xid);
  forget(session, xids);
}

// --- ends

void Database::finish(Session& session) {
  while (session.levels.size() > 1) release(session);
  const std::uint64_t choice = session.random.below(100);
  if (choice < 15) {
    roll_back(session);
    say(session, "ROLLBACK");
    session.ended = true;
    return;
  }
  if (session.top() == 0) {
    say(session, "COMMIT");
    session.ended = true;  // wrote nothing: nothing in the log
    return;
  }
  if (choice < 27 && options_.prepare) {
    session.gid = "gid " + std::to_string(next_gid_++);
    say(session, concat("PREPARE TRANSACTION '", session.gid, "'"));
    WalRecord record;
    record.kind = WalKind::kPrepare;
    record.top = record.xid = session.top();
    record.gid = session.gid;
    record.origin = session.origin;
    const WalRecord& at = append(std::move(record), 120);
    session.prepare_end = at.end;
    session.prepare_time_us = at.time_us;
    return;
  }
  say(session, "COMMIT");
  WalRecord record;
  record.kind = WalKind::kCommit;
  record.top = record.xid = session.top();
  record.origin = session.origin;
  const WalRecord& at = append(std::move(record), 34 + static_cast<std::uint32_t>(session.random.below(40)));
  commit(session, at.lsn, at.end, at.time_us);
}

void Database::decide_prepared(Session& session) {
  // Some stay prepared for long, over restarts of everybody.
  if (session.random.percent(session.indecision)) return;
  WalRecord record;
  const bool commits = session.random.percent(70);
  say(session, concat(commits ? "COMMIT" : "ROLLBACK", " PREPARED '", session.gid, "'"));
  record.kind = commits ? WalKind::kCommitPrepared : WalKind::kRollbackPrepared;
  record.top = record.xid = session.top();
  record.gid = session.gid;
  record.origin = session.origin;
  record.prepare_end = session.prepare_end;
  record.prepare_time_us = session.prepare_time_us;
  const WalRecord& at = append(std::move(record), 60);
  if (commits) commit(session, at.lsn, at.end, at.time_us);
  session.ended = true;
}

void Database::roll_back(Session& session) {
  while (session.levels.size() > 1) release(session);
  if (session.top() == 0) return;
  WalRecord record;
  record.kind = WalKind::kAbort;
  record.top = record.xid = session.top();
  record.children = session.levels.front().children;
  append(std::move(record), 40);
}

void Database::commit(Session& session, std::uint64_t lsn, std::uint64_t end, std::int64_t time_us) {
  Committed committed{lsn, end, session.top(), time_us, session.origin, {}};
  for (const Session::Change& change : session.changes) {
    const WalRecord& record = wal_.records()[change.record];
    committed.changes.push_back(change.record);
    auto& rows = rows_[record.table];
    switch (record.kind) {
      case WalKind::kInsert:
      case WalKind::kUpdate:
        rows[record.row] = {record.tag, record.version, record.padding};
        break;
      case WalKind::kDelete:
        rows.erase(record.row);
        break;
      case WalKind::kTruncate:
        for (const std::uint32_t table : record.tables) rows_[table].clear();
        break;
      default:
        break;
    }
  }
  for (const Session::Shape& shape : session.shapes) committed_version_[shape.table] = shape.version;
  session.ended = true;
  committed_.push_back(std::move(committed));
  expect(committed_.back());
}

// --- what must be delivered

void Database::expect_from(std::uint64_t position, const std::vector<SnapshotRow>& snapshot) {
  ledger_.clear();
  expecting_ = true;
  expect_from_ = position;
  previous_end_ = 0;
  previous_time_us_ = 0;
  for (const SnapshotRow& row : snapshot) ledger_.expect(row.hash, row.text, 0);
  for (const Committed& committed : committed_) expect(committed);
}

void Database::expect(const Committed& committed) {
  if (!expecting_ || committed.lsn < expect_from_) return;
  RecordIdentity identity;
  identity.commit_lsn = committed.lsn;
  identity.previous_commit = previous_end_;
  identity.transaction = committed.xid;
  identity.commit_time_us = committed.time_us;
  identity.origin = committed.origin;
  if (committed.xid == 0) {
    // No commit: it shows its own end, and the time of the last transaction with changes.
    identity.commit_lsn = committed.end;
    identity.commit_time_us = previous_time_us_;
  }
  for (const std::size_t index : committed.changes) {
    const WalRecord& record = wal_.records()[index];
    identity.tag = record.tag;
    identity.lsn = record.lsn;
    identity.table = record.table;
    identity.version = record.version;
    identity.row = record.row;
    const auto push = [&](char kind, std::uint32_t hash) {
      identity.kind = kind;
      ledger_.expect(hash, identity.text(), committed.lsn);
    };
    switch (record.kind) {
      case WalKind::kInsert:
      case WalKind::kUpdate:
      case WalKind::kDelete: {
        if (record.table == kHiddenTable) break;
        const std::uint32_t hash = identity.hash(record.table == kKeylessTable);
        push(record.kind == WalKind::kInsert ? 'c' : record.kind == WalKind::kUpdate ? 'u' : 'd', hash);
        if (record.kind == WalKind::kDelete) push('T', hash);
        break;
      }
      case WalKind::kTruncate:
        identity.row = 0;
        identity.tag = 0;
        for (std::size_t i = 0; i < record.tables.size(); ++i) {
          if (record.tables[i] == kHiddenTable || !options_.truncates_expected) continue;
          identity.table = record.tables[i];
          identity.version = record.versions[i];
          push('t', identity.hash(true));
        }
        break;
      case WalKind::kMessage:
        identity.table = identity.version = identity.row = 0;
        identity.lsn = record.end;  // a message's place is its end
        push('m', identity.hash(true));
        break;
      default:
        MILLRACE_CHECK(false, "only changes are committed");
    }
  }
  if (committed.xid != 0 && !committed.changes.empty()) {
    previous_end_ = committed.end;
    previous_time_us_ = committed.time_us;
  }
}

}  // namespace millrace::sim
