// SPDX-License-Identifier: Apache-2.0
#include "reference/postgres_transactions.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

namespace millrace::reference::postgres {
namespace {

struct Rejected : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void demand(bool holds, const char* what) {
  if (!holds) throw Rejected(what);
}

struct Announced {
  Message relation;
  std::uint64_t number = 0;  // among all announcements of the session
};

/// A transaction that waits for its commit.
struct Waiting {
  struct Change {
    std::uint32_t xid = 0;  // of the subtransaction
    bool counts = true;     // false: a second or later table of a truncate
    CommittedChange change;
  };
  std::vector<Change> changes;
  std::map<std::uint32_t, Announced> relations;
  std::string origin;
};

class Server {
 public:
  explicit Server(CommittedChanges& out) : out_(out) {}

  void apply(const Frame& frame) {
    if (frame.type != 'd') return;
    if (frame.wal_kind == 'k') {
      if (!open_) out_.position = std::max(out_.position, frame.wal_end);
      return;
    }
    apply(*frame.message, frame.wal_start);
  }

 private:
  bool apply_held(const Message& m) {
    switch (m.type) {
      case 'S': {
        demand(!open_ && !preparing_, "a block inside a transaction");
        const bool known = streamed_.contains(m.xid);
        demand(known != (m.flags == 1), "first segment");
        block_xid_ = m.xid;
        in_block_ = true;
        streamed_[m.xid];
        return true;
      }
      case 'E':
        in_block_ = false;
        return true;
      case 'c':
        demand(streamed_.contains(m.xid) && !open_ && !preparing_, "commit of nothing");
        demand(m.end_lsn > m.lsn, "ends before its commit");
        let_out(take(streamed_, m.xid), m.xid, m);
        return true;
      case 'A':
        if (m.xid == m.subxid) {
          streamed_.erase(m.xid);
        } else if (streamed_.contains(m.xid)) {
          auto& changes = streamed_[m.xid].changes;
          changes.erase(std::find_if(changes.begin(), changes.end(),
                                     [&](const Waiting::Change& change) { return change.xid == m.subxid; }),
                        changes.end());
        }
        return true;
      case 'b':
        demand(!open_ && !preparing_, "prepare inside a transaction");
        preparing_ = true;
        preparing_xid_ = m.xid;
        being_prepared_ = {};
        return true;
      case 'P':
        demand(preparing_, "prepare of nothing");
        preparing_ = false;
        prepared_[m.name] = being_prepared_;
        return true;
      case 'p':
        demand(streamed_.contains(m.xid) && !open_, "prepare of nothing");
        prepared_[m.name] = take(streamed_, m.xid);
        return true;
      case 'K':
        demand(!open_ && !preparing_, "commit inside a transaction");
        if (!prepared_.contains(m.name)) {
          demand(m.lsn < out_.position, "commit of nothing");
          return true;
        }
        let_out(take(prepared_, m.name), m.xid, m);
        return true;
      case 'r':
        prepared_.erase(m.name);
        return true;
      default:
        return false;
    }
  }

  void apply(const Message& m, std::uint64_t lsn) {
    if (apply_held(m)) return;
    switch (m.type) {
      case 'B':
        demand(!open_ && !preparing_, "a transaction inside another");
        begin(m.xid, m.lsn, m.time);
        break;
      case 'C':
        demand(open_, "commit of nothing");
        demand(m.lsn == context_.commit_lsn && m.end_lsn > m.lsn, "another commit than announced");
        end(m.end_lsn);
        break;
      case 'O':
        if (Waiting* waiting = held()) {
          waiting->origin = m.name;
        } else {
          demand(open_, "an origin of nothing");
          context_.origin = m.name;
        }
        break;
      case 'R':
        (in_block_ ? streamed_[block_xid_].relations : announced_)[m.oid] = {m, ++announcements_};
        break;
      case 'I':
      case 'U':
      case 'D':
        change(m, m.oid, lsn, true);
        break;
      case 'T':
        for (const std::uint32_t& oid : m.oids) change(m, oid, lsn, &oid == m.oids.data());
        break;
      case 'M':
        logical_message(m, lsn);
        break;
      default:
        break;  // Y
    }
  }

  void logical_message(const Message& m, std::uint64_t lsn) {
    if (m.flags == 1) {
      CommittedChange change;
      change.lsn = m.lsn;
      if (held() != nullptr) change.lsn = lsn;
      take_change(m, std::move(change), true);
    } else if (m.lsn > out_.position) {
      CommittedChange alone;
      alone.message = m;
      alone.message.stream_xid.reset();
      alone.lsn = alone.commit_lsn = m.lsn;
      alone.commit_time_us = last_.time;  // it has none of its own
      out_.changes.push_back(alone);
      if (!open_) out_.position = m.lsn;
    }
  }

  void change(const Message& m, std::uint32_t oid, std::uint64_t lsn, bool counts) {
    CommittedChange change;
    change.lsn = lsn;
    const std::map<std::uint32_t, Announced>* relations = &announced_;
    if (in_block_ && streamed_[block_xid_].relations.contains(oid))
      relations = &streamed_[block_xid_].relations;
    demand(relations->contains(oid), "a change of an unknown relation");
    change.relation = relations->at(oid).relation;
    change.relation.stream_xid.reset();
    take_change(m, std::move(change), counts);
  }

  /// Keeps it, or lets it out.
  void take_change(const Message& m, CommittedChange change, bool counts) {
    change.message = m;
    change.message.stream_xid.reset();
    Waiting* const waiting = held();
    if (waiting != nullptr) {
      waiting->changes.push_back(
          {in_block_ ? m.stream_xid.value_or(0) : preparing_xid_, counts, std::move(change)});
      return;
    }
    demand(open_, "a change outside transactions");
    changes_in_transaction_ += counts;
    change.xid = context_.xid;
    change.commit_lsn = context_.commit_lsn;
    change.commit_time_us = context_.commit_time_us;
    change.origin = context_.origin;
    if (!delivered_before_) out_.changes.push_back(std::move(change));
  }

  Waiting* held() {
    if (in_block_) return &streamed_[block_xid_];
    return preparing_ ? &being_prepared_ : nullptr;
  }

  void begin(std::uint32_t xid, std::uint64_t commit_lsn, std::int64_t time) {
    open_ = true;
    delivered_before_ = commit_lsn < out_.position;
    context_ = {};
    context_.xid = xid;
    context_.commit_lsn = commit_lsn;
    constexpr std::int64_t kUsFrom1970To2000 = 946'684'800'000'000;
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    context_.commit_time_us = time > kMost - kUsFrom1970To2000 ? kMost : time + kUsFrom1970To2000;
    changes_in_transaction_ = 0;
  }

  void end(std::uint64_t end_lsn) {
    const Identity now{context_.commit_lsn, end_lsn, context_.xid, context_.commit_time_us,
                       changes_in_transaction_};
    if (delivered_before_) {
      // What came before must come the same again, and nothing behind it.
      if (last_.changes != 0 && now.changes != 0) {
        demand(now.commit_lsn == last_.commit_lsn ? now == last_ : now.commit_lsn < last_.commit_lsn,
               "another history");
      }
      open_ = false;
      return;
    }
    open_ = false;
    out_.position = end_lsn;
    if (now.changes != 0) last_ = now;
  }

  void let_out(const Waiting& waiting, std::uint32_t xid, const Message& commit) {
    begin(xid, commit.lsn, commit.time);
    context_.origin = waiting.origin;
    for (Waiting::Change held : waiting.changes) {
      changes_in_transaction_ += held.counts;
      held.change.xid = xid;
      held.change.commit_lsn = commit.lsn;
      held.change.commit_time_us = context_.commit_time_us;
      held.change.origin = waiting.origin;
      if (!delivered_before_) out_.changes.push_back(held.change);
    }
    end(commit.end_lsn);
    for (const auto& [oid, own] : waiting.relations) {
      if (announced_[oid].number < own.number) announced_[oid] = own;
    }
  }

  template <class Key>
  static Waiting take(std::map<Key, Waiting>& from, const Key& key) {
    Waiting waiting = from.at(key);
    from.erase(key);
    return waiting;
  }

  struct Identity {
    std::uint64_t commit_lsn = 0;
    std::uint64_t end_lsn = 0;
    std::uint32_t xid = 0;
    std::int64_t time = 0;
    std::uint64_t changes = 0;
    bool operator==(const Identity&) const = default;
  };

  CommittedChanges& out_;
  std::map<std::uint32_t, Announced> announced_;
  std::uint64_t announcements_ = 0;
  bool open_ = false;
  bool delivered_before_ = false;
  CommittedChange context_;
  std::uint64_t changes_in_transaction_ = 0;
  Identity last_;
  std::map<std::uint32_t, Waiting> streamed_;
  bool in_block_ = false;
  std::uint32_t block_xid_ = 0;
  bool preparing_ = false;
  std::uint32_t preparing_xid_ = 0;
  Waiting being_prepared_;
  std::map<std::string, Waiting> prepared_;
};

}  // namespace

CommittedChanges committed_changes(const Session& session, std::uint64_t position) {
  CommittedChanges out;
  out.position = position;
  Server server(out);
  for (const Frame& frame : session.frames) {
    try {
      server.apply(frame);
    } catch (const Rejected&) {
      out.rejected = true;
      out.rejected_frame = static_cast<std::size_t>(&frame - session.frames.data());
      return out;
    }
  }
  return out;
}

}  // namespace millrace::reference::postgres
