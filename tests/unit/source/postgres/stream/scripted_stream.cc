// SPDX-License-Identifier: Apache-2.0
#include "unit/source/postgres/stream/scripted_stream.h"

#include <cstring>
#include <sstream>
#include <stdexcept>

#include "base/reason_code.h"

namespace millrace::test {
namespace {

namespace ref = reference::postgres;

class MemoryFile final : public ScratchFile {
 public:
  explicit MemoryFile(const bool& fails) : fails_(fails) {}
  absl::Status append(std::span<const std::byte> bytes) override {
    if (fails_) return absl::ResourceExhaustedError("no space left on device");
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return absl::OkStatus();
  }
  absl::Status read(std::uint64_t offset, std::span<std::byte> into) override {
    if (fails_) return absl::DataLossError("cannot read");
    if (offset + into.size() > bytes_.size()) return absl::OutOfRangeError("the file is shorter");
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return absl::OkStatus();
  }
  absl::Status truncate(std::uint64_t size) override {
    bytes_.resize(size);
    return absl::OkStatus();
  }

 private:
  const bool& fails_;
  std::string bytes_;
};

const std::map<std::string, std::uint32_t> kOids = {
    {"t", 100}, {"u", 101}, {"v", 102}, {"h", 103}, {"broken", 104}};

std::string name_of(const Relation& relation) { return relation.table; }

std::string kind_name(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kRead:
      return "read";
    case ChangeKind::kInsert:
      return "insert";
    case ChangeKind::kUpdate:
      return "update";
    case ChangeKind::kDelete:
      return "delete";
    case ChangeKind::kTruncate:
      return "truncate";
    case ChangeKind::kMessage:
      return "message";
  }
  return "?";
}

std::uint32_t number32(const std::string& word) { return static_cast<std::uint32_t>(std::stoull(word)); }

std::vector<std::string> words_of(const std::string& step) {
  std::istringstream in(step);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

constexpr std::int64_t kEpochUs = 946'684'800'000'000;  // PostgreSQL's, in Unix microseconds

/// A transaction's commit time in scripts: 2000-01-01 and xid microseconds.
std::int64_t time_of(std::uint32_t xid) { return xid; }

}  // namespace

absl::StatusOr<std::unique_ptr<ScratchFile>> MemoryScratch::create() {
  if (fails) return absl::ResourceExhaustedError("no space left on device");
  ++files;
  return std::make_unique<MemoryFile>(fails);
}

QueueOutlet::QueueOutlet(std::size_t batches) {
  for (std::size_t i = 0; i < batches; ++i) {
    all_.push_back(std::make_unique<Batch>());
    free_.push_back(all_.back().get());
  }
}

Batch* QueueOutlet::take() {
  if (free_.empty()) return nullptr;
  Batch* const batch = free_.back();
  free_.pop_back();
  if (full_after_one_change) batch->bytes = std::size_t{1} << 40;
  return batch;
}

void QueueOutlet::push(Batch* batch) {
  batch->number = ++number_;
  pushed.push_back(batch);
}

void QueueOutlet::give_back(Batch* batch) {
  batch->clear();
  free_.push_back(batch);
}

bool ScriptedRelations::captures(std::string_view, std::string_view table) const { return table != "h"; }

absl::StatusOr<RelationPtr> ScriptedRelations::make(const postgres::RelationView& announced,
                                                    const postgres::TableDescription* described) {
  if (announced.name == "broken")
    return reason_error(ReasonCode::kSourceProtocol, "cannot make a relation of it");
  made.push_back(std::string(announced.name) + (described == nullptr ? "?" : ""));
  auto relation = std::make_shared<Relation>();
  relation->id = value_of(announced.oid);
  relation->version = ++versions_;
  relation->schema = std::string(announced.schema);
  relation->table = std::string(announced.name);
  relation->columns.resize(announced.columns.size());
  relation->captured = announced.name != "h";
  return relation;
}

ScriptedStream::ScriptedStream(const StreamSetup& setup)
    : slabs_(setup.slab_bytes, setup.slab_budget),
      outlet_(setup.batches),
      builder_(outlet_, slabs_),
      budget_(setup.held_bytes, setup.held_block_bytes),
      stream_(builder_, slabs_, relations_, budget_, scratch_, "s") {
  stream_.begin_session({}, 0, false);
}

bool ScriptedStream::session_step(const std::vector<std::string>& words) {
  const auto lsn = [&](std::size_t i) { return std::stoull(words.at(i)); };
  if (words[0] == "session") {
    postgres::LogPosition resume;
    resume.lsn = resume.tell = lsn(1);
    for (std::size_t i = 3; i < words.size(); ++i) {
      if (words[i] == "last") {
        const std::uint32_t xid = number32(words.at(i + 3));
        resume.last = {lsn(i + 1), lsn(i + 2), xid, time_of(xid) + kEpochUs, lsn(i + 4)};
      }
    }
    context_ = {};
    context_.abort_with_lsn = words.back() == "parallel";
    stream_.begin_session(resume, lsn(2), context_.abort_with_lsn);
    return true;
  }
  if (words[0] == "reconnect") {  // the server goes on from where it was confirmed
    context_ = {};
    stream_.begin_session(stream_.position(), lsn(1), false);
    return true;
  }
  return false;
}

std::string ScriptedStream::encode(const std::vector<std::string>& words) {
  const std::string& verb = words[0];
  const auto lsn = [&](std::size_t i) { return std::stoull(words.at(i)); };
  const auto xid = [&](std::size_t i) { return number32(words.at(i)); };
  ref::Message m;
  std::vector<std::string> rest = words;
  if (context_.in_stream && rest.back().front() == 'x') {
    m.stream_xid = number32(rest.back().substr(1));
    rest.pop_back();
  }
  if (verb == "begin") {
    m.type = 'B', m.xid = xid(1), m.lsn = lsn(2), m.time = time_of(m.xid);
  } else if (verb == "commit") {
    m.type = 'C', m.lsn = lsn(1), m.end_lsn = lsn(2), m.time = 0;
  } else if (verb == "table" || verb == "wide") {
    m.type = 'R', m.oid = kOids.at(words.at(1)), m.schema = "public", m.name = words.at(1), m.identity = 'd';
    m.columns = {{true, "a", 23, -1}, {false, "b", 25, -1}};
    if (verb == "wide") m.columns.push_back({false, "c", 25, -1});
  } else if (verb == "type") {
    m.type = 'Y', m.oid = 500, m.schema = "public", m.name = "mood";
  } else if (verb == "insert" || verb == "update" || verb == "delete") {
    m.type = verb == "insert" ? 'I' : verb == "update" ? 'U' : 'D';
    m.oid = kOids.at(rest.at(1));
    std::vector<ref::Field> row(
        std::max<std::size_t>(context_.columns.contains(m.oid) ? context_.columns.at(m.oid) : 2, 1),
        ref::Field{'n', ""});
    row[0] = {'t', rest.at(2)};
    if (rest.size() > 3) row[1] = {'t', std::string(std::stoul(rest[3]), 'z')};
    if (m.type == 'D') {
      m.old_kind = 'K';
      m.old_fields = row;
    } else {
      m.new_fields = row;
    }
  } else if (verb == "truncate") {
    m.type = 'T';
    for (std::size_t i = 1; i < rest.size(); ++i) m.oids.push_back(kOids.at(rest[i]));
  } else if (verb == "message" || verb == "tmessage") {
    m.type = 'M', m.flags = verb == "tmessage" ? 1 : 0, m.lsn = lsn(1), m.name = "p", m.content = rest.at(2);
  } else if (verb == "origin") {
    m.type = 'O', m.name = words.at(1), m.lsn = lsn(2);
  } else if (verb == "start") {
    m.type = 'S', m.xid = xid(1), m.flags = words.size() > 2 ? 1 : 0;
  } else if (verb == "stop") {
    m.type = 'E';
  } else if (verb == "scommit") {
    m.type = 'c', m.xid = xid(1), m.lsn = lsn(2), m.end_lsn = lsn(3), m.time = time_of(m.xid);
  } else if (verb == "abort") {
    m.type = 'A', m.xid = xid(1), m.subxid = xid(2);
  } else if (verb == "bprepare" || verb == "prepare" || verb == "sprepare" || verb == "kcommit") {
    m.type = verb == "bprepare" ? 'b' : verb == "prepare" ? 'P' : verb == "sprepare" ? 'p' : 'K';
    m.xid = xid(1), m.name = words.at(2), m.lsn = lsn(3), m.end_lsn = lsn(4), m.time = time_of(m.xid);
  } else if (verb == "rollback") {
    m.type = 'r', m.name = words.at(1), m.lsn = lsn(2), m.end_lsn = lsn(3);
  } else {
    throw std::invalid_argument("no such step: " + verb);
  }
  std::string body = ref::encode_message(m, context_);
  ref::remember(m, context_);
  return body;
}

ScriptedStream::Result ScriptedStream::handle(const std::string& body, std::uint64_t wal_start) {
  Slab* const slab = body.size() <= slabs_.slab_bytes() ? slabs_.take() : slabs_.take_oversize(body.size());
  if (slab == nullptr) throw std::runtime_error("no slab for the test's message");
  std::memcpy(slab->memory.get(), body.data(), body.size());
  slab->filled = body.size();
  postgres::WalMessage message{};
  message.kind = postgres::WalMessageKind::kXLogData;
  message.wal_start = postgres::Lsn{wal_start};
  message.body = {slab->memory.get(), body.size()};
  Result result = stream_.handle(message, slab);
  if (result == Result::kNeedsTable) {
    ++questions_;
    postgres::TableDescription description;
    description.oid = stream_.needed_table();
    description.found = true;
    stream_.described(description);
    result = stream_.handle(message, slab);
  }
  if (result == Result::kNeedsCheck) {
    stream_.checked(none_rolled_back_);
    result = stream_.handle(message, slab);
  }
  while (!keeps_ && result == Result::kBlocked) {
    take_batches();
    result = stream_.handle(message, slab);
  }
  slabs_.release(slab);
  if (result == Result::kReplaying && !keeps_) {
    while ((result = stream_.replay()) == Result::kBlocked || result == Result::kReplaying) take_batches();
  }
  if (result == Result::kFailed) failure_ = std::string(stream_.status().message());
  return result;
}

ScriptedStream::Result ScriptedStream::raw(std::string body, std::uint64_t wal_start) {
  return handle(body, wal_start);
}

std::string ScriptedStream::encoded(const std::vector<std::string>& before, const std::string& step) {
  run(before);
  return encode(words_of(step));
}

ScriptedStream::Result ScriptedStream::once(const std::string& step) {
  const std::vector<std::string> words = words_of(step);
  if (words.at(0) == "idle" || words[0] == "checkpoint") {
    const bool placed = stream_.idle_at(std::stoull(words.at(1)), words[0] == "checkpoint");
    if (!stream_.status().ok()) {
      failure_ = std::string(stream_.status().message());
      return Result::kFailed;
    }
    return placed ? Result::kOk : Result::kBlocked;
  }
  if (session_step(words)) return Result::kOk;
  // Before R and Y no position is sent.
  const bool placeless = words[0] == "table" || words[0] == "wide" || words[0] == "type";
  return handle(encode(words), placeless ? 0 : wal_start_++);
}

void ScriptedStream::run_step(const std::string& step) {
  if (!failure_.empty()) return;
  Result result = once(step);
  while (result == Result::kBlocked) {
    take_batches();
    result = once(step);
  }
}

void ScriptedStream::tell(const Batch& batch, std::vector<std::string>& out) const {
  std::size_t next_mark = 0;
  const auto marks_up_to = [&](Arrival arrival) {
    for (; next_mark < batch.marks.size() && batch.marks[next_mark].arrival <= arrival; ++next_mark) {
      const postgres::LogPosition position = postgres::from_mark(batch.marks[next_mark]);
      std::string line = "mark " + std::to_string(position.lsn);
      if (position.tell != position.lsn) line += " tell " + std::to_string(position.tell);
      out.push_back(line);
    }
  };
  if (batch.first_arrival > 0) marks_up_to(batch.first_arrival - 1);
  for (std::size_t i = 0; i < batch.changes.size(); ++i) {
    const Change& change = batch.changes[i];
    std::string line = kind_name(change.kind);
    const TransactionContext& transaction = batch.transactions.at(change.transaction);
    // The body is what the server sent, without an xid: the reference decoder reads it.
    ref::Context outside;
    if (change.relation != kNoRelation) {
      const Relation& relation = *batch.relations.at(change.relation);
      outside.columns[static_cast<std::uint32_t>(relation.id)] = relation.columns.size();
      line += " " + name_of(relation);
    }
    for (const auto& [name, oid] : kOids) outside.columns.try_emplace(oid, 2);
    const auto decoded =
        ref::decode_message(std::string(reinterpret_cast<const char*>(change.body), change.size), outside);
    if (!decoded) {
      line += " undecodable";
    } else if (change.kind == ChangeKind::kMessage) {
      line += " " + decoded->content;
    } else if (change.kind != ChangeKind::kTruncate) {
      line += " " + (decoded->type == 'D' ? decoded->old_fields : decoded->new_fields).at(0).value;
    }
    line += " of " + std::to_string(transaction.id) + "/" + std::to_string(transaction.commit_position);
    if (!transaction.origin.empty())
      line += " from " + transaction.origin + "/" +
              (transaction.origin_position == kPositionUnknown ? "?"
                                                               : std::to_string(transaction.origin_position));
    out.push_back(line);
    marks_up_to(batch.first_arrival + i);
  }
  marks_up_to(~Arrival{0});
  if (batch.checkpoint_now) out.push_back("checkpoint");
}

void ScriptedStream::take_batches() {
  while (!outlet_.pushed.empty()) {
    Batch* const batch = outlet_.pushed.front();
    outlet_.pushed.pop_front();
    tell(*batch, told_);
    for (Slab* slab : batch->slabs) slabs_.release(slab);
    outlet_.give_back(batch);
  }
}

std::vector<std::string> ScriptedStream::drain() {
  builder_.cut();
  take_batches();
  return std::exchange(told_, {});
}

}  // namespace millrace::test
