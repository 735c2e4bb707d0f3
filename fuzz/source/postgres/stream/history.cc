// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/history.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "input.h"
#include "reference/postgres_reference.h"

namespace millrace::fuzz {
namespace {

namespace ref = reference::postgres;

struct Table {
  std::string name;
  std::uint32_t oid = 0;
  char identity = 'd';
  bool wide = false;       // it has got a third column
  bool announced = false;  // to everybody
};

/// A change, before it is known whether it commits.
struct Pending {
  std::uint32_t xid = 0;  // of the subtransaction
  TrueChange change;
};

struct Transaction {
  std::uint32_t xid = 0;
  std::vector<Pending> changes;
  std::vector<std::uint32_t> open;  // top transaction first, innermost subtransaction last
  std::map<std::uint32_t, std::uint32_t> parents;
  std::set<std::uint32_t> written;  // subtransactions that were in the stream
  std::set<std::string> announced;  // tables, to this transaction
  bool streamed = false;            // a block of it was sent
};

class Author {
 public:
  explicit Author(std::span<const std::uint8_t> input) : input_(input) {
    const std::uint8_t options = take_byte(input_);
    history_.abort_with_lsn = context_.abort_with_lsn = (options & 1) != 0;
    const std::array<char, 3> identities = {'d', 'f', 'n'};
    for (std::size_t i = 0; i < identities.size(); ++i) {
      tables_.push_back(
          {"t" + std::to_string(i), static_cast<std::uint32_t>(100 + i), identities[i], false, false});
    }
    history_.connection = "W" + big_endian(4 + 3, 4) + std::string("\0\0\0", 3);
  }

  History write() {
    while (!input_.empty()) {
      switch (take_byte(input_) % 12) {
        case 0:
        case 1:
          transaction();
          break;
        case 2:
        case 3:
        case 4:
          block();
          break;
        case 5:
          finish_streamed(true);
          break;
        case 6:
          finish_streamed(false);
          break;
        case 7:
          prepared_transaction();
          break;
        case 8:
          prepare_streamed();
          break;
        case 9:
          finish_prepared();
          break;
        case 10:
          keepalive();
          break;
        default:
          message_at_once();
          break;
      }
    }
    return std::move(history_);
  }

 private:
  static std::string big_endian(std::uint64_t value, int bytes) {
    std::string out;
    for (int i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i));
    return out;
  }

  std::uint64_t next_lsn() { return lsn_ += 8 + 8 * (take_byte(input_) % 4); }

  void frame(const std::string& body) { history_.connection += "d" + big_endian(body.size() + 4, 4) + body; }

  void send(ref::Message message, std::uint64_t lsn) {
    frame("w" + big_endian(lsn, 8) + big_endian(lsn, 8) + big_endian(0, 8) +
          ref::encode_message(message, context_));
    ref::remember(message, context_);
  }

  ref::Message message(char type) const {
    ref::Message m;
    m.type = type;
    return m;
  }

  void send_origin() {
    ref::Message origin = message('O');
    origin.name = "elsewhere";
    send(origin, lsn_);
  }

  void keepalive() {
    frame("k" + big_endian(lsn_, 8) + big_endian(0, 8) +
          std::string(1, static_cast<char>(take_byte(input_) & 1)));
  }

  // --- rows

  std::string text() {
    static const std::array<std::string, 8> kTexts = {"",
                                                      "a",
                                                      "\"quoted\\\"",
                                                      "\xF0\x9F\x98\x80 \xE2\x82\xAC",
                                                      "\n\t\x01",
                                                      std::string(300, 'x'),
                                                      std::string(2'000, '"'),
                                                      "{\"j\":[1]}"};
    const std::uint8_t choice = take_byte(input_);
    return kTexts[choice % kTexts.size()] + std::to_string(choice / 8);
  }

  Value value() {
    if (take_byte(input_) % 4 == 0) return std::nullopt;
    return text();
  }

  Image image(const Table& table, const std::string& id) {
    Image image{{"id", id}, {"v", value()}};
    if (table.wide) image["w"] = value();
    return image;
  }

  static std::vector<ref::Field> tuple(const Table& table, const Image& image, bool key_alone = false) {
    std::vector<ref::Field> fields;
    for (const char* name : {"id", "v", "w"}) {
      if (*name == 'w' && !table.wide) continue;
      const Value& value = image.at(name);
      if (value && (!key_alone || *name == 'i')) {
        fields.push_back({'t', *value});
      } else {
        fields.push_back({'n', {}});
      }
    }
    return fields;
  }

  void announce(Table& table, Transaction& transaction, bool in_block) {
    const bool known = table.announced || transaction.announced.contains(table.name);
    if (known) return;
    ref::Message r = message('R');
    if (in_block) r.stream_xid = transaction.open.back();
    r.oid = table.oid;
    r.schema = "s";
    r.name = table.name;
    r.identity = table.identity;
    for (const char* name : {"id", "v", "w"}) {
      if (*name == 'w' && !table.wide) continue;
      const bool in_key = table.identity == 'f' || (table.identity == 'd' && *name == 'i');
      r.columns.push_back({in_key, name, 25, -1});
    }
    send(r, 0);
    if (in_block) {
      transaction.announced.insert(table.name);
    } else {
      table.announced = true;
    }
  }

  /// True when a transaction that has not ended has looked at the table: it cannot be altered then.
  bool is_locked(const Table& table) const {
    const auto looks = [&](const Transaction& transaction) {
      return std::any_of(transaction.changes.begin(), transaction.changes.end(),
                         [&](const Pending& pending) { return pending.change.table == "s." + table.name; }) ||
             transaction.announced.contains(table.name);
    };
    return std::any_of(streamed_.begin(), streamed_.end(), looks) ||
           std::any_of(prepared_.begin(), prepared_.end(),
                       [&](const auto& entry) { return looks(entry.second); });
  }

  void change(Transaction& transaction, bool in_block) {
    const std::uint8_t choice = take_byte(input_);
    Table& table = tables_[choice / 16 % tables_.size()];
    const std::uint32_t xid = transaction.open.back();
    ref::Message m;
    if (in_block) m.stream_xid = xid;
    TrueChange truth;
    truth.table = "s." + table.name;
    const std::string id = "k" + std::to_string(++ids_);
    const bool keyed =
        table.identity == 'd';  // identity full marks every column: the catalog knows of no key
    switch (choice % 8) {
      case 0:
      case 1:
      case 2: {
        m.type = 'I';
        truth.after = image(table, id);
        m.new_fields = tuple(table, *truth.after);
        break;
      }
      case 3:
      case 4: {
        m.type = 'U';
        truth.after = image(table, id);
        m.new_fields = tuple(table, *truth.after);
        if (table.identity == 'f') {
          truth.before = image(table, "k0");
          m.old_kind = 'O';
          m.old_fields = tuple(table, *truth.before);
        } else if (keyed && choice % 8 == 4) {
          truth.old_id = "k0";
          m.old_kind = 'K';
          m.old_fields = tuple(table, {{"id", "k0"}, {"v", {}}, {"w", {}}}, true);
        }
        const bool was_null = truth.before && !truth.before->at("v");
        if (choice >= 0x80 && !was_null) {  // the TOASTed value is left alone
          m.new_fields[1] = {'u', {}};
          (*truth.after)["v"] = table.identity == 'f' ? truth.before->at("v") : kUnavailable;
        }
        break;
      }
      case 5:
        m.type = 'D';
        if (table.identity == 'n') return;  // the server refuses such deletes
        truth.before = image(table, id);
        m.old_kind = table.identity == 'f' ? 'O' : 'K';
        m.old_fields = tuple(table, *truth.before, keyed);
        break;
      case 6:
        m.type = 'T';
        m.flags = take_byte(input_) % 4;
        break;
      default:
        m.type = 'M';
        m.flags = 1;
        m.name = "prefix";
        m.content = text();
        break;
    }
    const std::uint64_t lsn = next_lsn();
    m.oid = table.oid;
    truth.kind = m.type;
    truth.lsn = lsn;
    transaction.written.insert(xid);
    if (m.type == 'M') {
      m.oid = 0;
      m.lsn = lsn;
      if (in_block) m.stream_xid = transaction.xid;  // never the subtransaction's
      truth.table = m.name;
      truth.content = m.content;
      truth.after.reset();
    } else {
      announce(table, transaction, in_block);
    }
    if (keyed && m.type != 'T' && m.type != 'M') truth.id = id;
    if (m.type != 'T') {
      send(m, lsn);
      transaction.changes.push_back({xid, truth});
      return;
    }
    // One message names several tables.
    m.oid = 0;
    m.oids = {table.oid};
    Table& other = tables_[(choice / 16 + 1) % tables_.size()];
    if ((m.flags & 1) != 0) {
      announce(other, transaction, in_block);
      m.oids.push_back(other.oid);
    }
    send(m, lsn);
    transaction.changes.push_back({xid, truth});
    if (m.oids.size() == 2) {
      truth.table = "s." + other.name;
      transaction.changes.push_back({xid, truth});
    }
  }

  // --- transactions

  Transaction new_transaction() {
    Transaction transaction;
    transaction.xid = ++xids_;
    transaction.open = {transaction.xid};
    return transaction;
  }

  void commits(const Transaction& transaction, std::uint64_t commit_lsn) {
    for (const Pending& pending : transaction.changes) {
      history_.changes.push_back(pending.change);
      history_.changes.back().xid = transaction.xid;
      history_.changes.back().commit_lsn = commit_lsn;
    }
  }

  /// The commit's place and the end behind it.
  std::pair<std::uint64_t, std::uint64_t> commit_place() {
    const std::uint64_t commit_lsn = next_lsn();
    return {commit_lsn, lsn_ += 8};
  }

  void transaction() {
    const std::uint8_t choice = take_byte(input_);
    Transaction transaction = new_transaction();
    Table& altered = tables_[choice / 32 % tables_.size()];
    if ((choice & 16) != 0 && !is_locked(altered)) {
      altered.wide = !altered.wide;
      altered.announced = false;
    }
    // Its rows were written before its commit: the commit's place is known from the start.
    const std::uint64_t first = lsn_;
    const std::uint64_t commit_lsn = lsn_ + 4'000;
    ref::Message begin = message('B');
    begin.lsn = commit_lsn;
    begin.xid = transaction.xid;
    send(begin, first);
    if ((choice & 8) != 0) send_origin();
    for (unsigned i = 0; i < choice % 8U; ++i) change(transaction, false);
    lsn_ = commit_lsn + 8;
    ref::Message commit = message('C');
    commit.lsn = commit_lsn;
    commit.end_lsn = lsn_;
    send(commit, commit_lsn);
    commits(transaction, commit_lsn);
  }

  void block() {
    const std::uint8_t choice = take_byte(input_);
    const bool fresh = streamed_.empty() || (choice & 1) != 0;
    if (fresh) streamed_.push_back(new_transaction());
    Transaction& transaction = fresh ? streamed_.back() : streamed_[choice / 2 % streamed_.size()];
    ref::Message start = message('S');
    start.xid = transaction.xid;
    start.flags = transaction.streamed ? 0 : 1;
    transaction.streamed = true;
    send(start, lsn_);
    if (fresh && (choice & 4) != 0) send_origin();
    std::vector<std::uint32_t> rolled_back;
    for (unsigned i = 0; i < choice / 16U; ++i) {
      switch (take_byte(input_) % 8) {
        case 0:  // a savepoint
          transaction.parents[++xids_] = transaction.open.back();
          transaction.open.push_back(xids_);
          break;
        case 1:  // it is released: what it wrote is its parent's
          if (transaction.open.size() > 1) transaction.open.pop_back();
          break;
        case 2:  // it is rolled back; the server says so behind the block
          if (transaction.open.size() > 1) {
            rolled_back.push_back(transaction.open.back());
            transaction.open.pop_back();
            i = 99;
          }
          break;
        default:
          change(transaction, true);
          break;
      }
    }
    send(message('E'), lsn_);
    for (const std::uint32_t subxid : rolled_back) roll_back(transaction, subxid);
    if ((choice & 8) != 0) keepalive();
  }

  static bool is_within(const Transaction& transaction, std::uint32_t xid, std::uint32_t ancestor) {
    while (xid != ancestor) {
      const auto parent = transaction.parents.find(xid);
      if (parent == transaction.parents.end()) return false;
      xid = parent->second;
    }
    return true;
  }

  /// The server aborts each of the subtransactions, the released ones inside it first.
  void roll_back(Transaction& transaction, std::uint32_t subxid) {
    const bool has_messages = std::any_of(transaction.changes.begin(), transaction.changes.end(),
                                          [](const Pending& pending) { return pending.change.kind == 'M'; });
    std::erase_if(transaction.changes,
                  [&](const Pending& pending) { return is_within(transaction, pending.xid, subxid); });
    std::vector<std::uint32_t> gone;
    for (const auto& [xid, parent] : transaction.parents) {
      if (xid != subxid && is_within(transaction, xid, subxid)) gone.push_back(xid);
    }
    gone.push_back(subxid);
    for (const std::uint32_t xid : gone) {
      if (!transaction.written.contains(xid)) continue;  // without a change the server has nothing to abort
      history_.messages_in_doubt |= has_messages;
      ref::Message abort = message('A');
      abort.xid = transaction.xid;
      abort.subxid = xid;
      if (context_.abort_with_lsn) abort.lsn = next_lsn();
      send(abort, lsn_);
    }
  }

  void finish_streamed(bool commit) {
    if (streamed_.empty()) return;
    const std::size_t which = take_byte(input_) % streamed_.size();
    const Transaction transaction = take(which);
    if (!commit) {
      ref::Message abort = message('A');
      abort.xid = abort.subxid = transaction.xid;
      if (context_.abort_with_lsn) abort.lsn = next_lsn();
      return send(abort, next_lsn());
    }
    ref::Message done = message('c');
    done.xid = transaction.xid;
    std::tie(done.lsn, done.end_lsn) = commit_place();
    send(done, done.lsn);
    commits(transaction, done.lsn);
    become_known(transaction);
  }

  /// What it announced, everybody knows from its commit on.
  void become_known(const Transaction& transaction) {
    for (Table& table : tables_) table.announced |= transaction.announced.contains(table.name);
  }

  Transaction take(std::size_t which) {
    Transaction transaction = std::move(streamed_[which]);
    streamed_.erase(streamed_.begin() + static_cast<std::ptrdiff_t>(which));
    return transaction;
  }

  void prepared_transaction() {
    Transaction transaction = new_transaction();
    ref::Message begin = message('b');
    begin.xid = transaction.xid;
    begin.name = "g" + std::to_string(transaction.xid);
    const std::uint64_t first = lsn_;
    begin.lsn = lsn_ + 4'000;
    begin.end_lsn = begin.lsn + 8;
    send(begin, first);
    const std::uint8_t choice = take_byte(input_);
    if ((choice & 8) != 0) send_origin();
    for (unsigned i = choice % 8; i > 0; --i) change(transaction, false);
    lsn_ = begin.end_lsn;
    ref::Message end = begin;
    end.type = 'P';
    send(end, begin.lsn);
    prepared_[begin.name] = std::move(transaction);
  }

  void prepare_streamed() {
    if (streamed_.empty()) return;
    Transaction transaction = take(take_byte(input_) % streamed_.size());
    ref::Message prepare = message('p');
    prepare.xid = transaction.xid;
    prepare.name = "g" + std::to_string(transaction.xid);
    std::tie(prepare.lsn, prepare.end_lsn) = commit_place();
    send(prepare, prepare.lsn);
    prepared_[prepare.name] = std::move(transaction);
  }

  void finish_prepared() {
    if (prepared_.empty()) return;
    const std::uint8_t choice = take_byte(input_);
    const auto found =
        std::next(prepared_.begin(), choice / 2 % static_cast<std::ptrdiff_t>(prepared_.size()));
    const Transaction transaction = std::move(found->second);
    ref::Message end = message((choice & 1) != 0 ? 'r' : 'K');
    end.xid = transaction.xid;
    end.name = found->first;
    std::tie(end.lsn, end.end_lsn) = commit_place();
    prepared_.erase(found);
    send(end, end.lsn);
    if (end.type == 'r') return;
    commits(transaction, end.lsn);
    become_known(transaction);
  }

  void message_at_once() {
    ref::Message m = message('M');
    m.lsn = next_lsn();
    m.name = "at once";
    m.content = text();
    send(m, m.lsn);
    TrueChange truth;
    truth.kind = 'M';
    truth.table = m.name;
    truth.content = m.content;
    truth.lsn = truth.commit_lsn = m.lsn;
    history_.changes.push_back(truth);
  }

  std::span<const std::uint8_t> input_;
  History history_;
  ref::Context context_;
  std::vector<Table> tables_;
  std::vector<Transaction> streamed_;
  std::map<std::string, Transaction> prepared_;
  std::uint64_t lsn_ = 1'000;
  std::uint32_t xids_ = 10;
  std::uint32_t ids_ = 0;
};

}  // namespace

History make_history(std::span<const std::uint8_t> input) { return Author(input).write(); }

}  // namespace millrace::fuzz
