// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/model_postgres.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "millrace/source/postgres/ids.h"
#include "sim/postgres/hostile.h"

namespace millrace::sim {

/// A server process with its connection.
struct ModelPostgres::Backend {
  std::shared_ptr<Wire> wire;
  std::string unread;
  std::vector<std::vector<std::string>> copies;  ///< Rows by table, for the connection of a snapshot.
  std::size_t next_copy = 0;
  std::string slot;
  std::unique_ptr<Walsender> walsender;
  bool terminating = false;  ///< Its last bytes are on their way.
  bool said_done = false;
  std::uint64_t client_written = 0;
  std::uint64_t client_flushed = 0;
  std::uint64_t told_sent = 0;  ///< In the last keepalive.
  bool asked = false;           ///< A reply is awaited.
  std::int64_t next_question_us = 0;
  std::int64_t last_reply_us = 0;
  std::int64_t next_keepalive_us = 0;
};

ModelPostgres::ModelPostgres(ModelPostgresOptions options, Database& database, const ModelClock& clock,
                             Verdict& verdict, std::uint64_t seed)
    : options_(std::move(options)), database_(database), clock_(clock), verdict_(verdict), random_(seed) {}
ModelPostgres::~ModelPostgres() = default;

// --- slots and facts

postgres::ServerFacts ModelPostgres::facts() const {
  postgres::ServerFacts facts;
  facts.version_num = options_.version_num;
  facts.version_text = concat(options_.version_num / 10000, " (model)");
  facts.system_identifier = "7000000000000000001";
  facts.timeline = timeline_;
  facts.timeline_history = history_;
  facts.database = "shop";
  facts.wal_level = "logical";
  facts.end_of_wal = database_.wal().end();
  facts.encoding = "UTF8";
  facts.wal_sender_timeout_ms = options_.wal_sender_timeout_ms;
  if (const auto found = slots_.find(options_.slot); found != slots_.end()) facts.slot = found->second.facts;
  if (disguise) disguise(facts);
  return facts;
}

std::uint64_t ModelPostgres::create_slot(const std::string& name, bool temporary, bool two_phase) {
  Slot slot;
  slot.facts.plugin = "pgoutput";
  slot.facts.type = "logical";
  slot.facts.database = "shop";
  slot.facts.temporary = temporary;
  slot.facts.wal_status = "reserved";
  slot.facts.two_phase = two_phase;
  slot.facts.synced = random_.percent(10);  // from before a promotion
  slot.facts.restart_lsn = Wal::kBegin;
  slot.facts.confirmed_flush_lsn = slot.saved_confirmed = slot.created_at = database_.wal().end();
  slots_[name] = slot;
  return slot.saved_confirmed;
}

postgres::SlotFacts* ModelPostgres::slot(const std::string& name) {
  const auto found = slots_.find(name);
  return found == slots_.end() ? nullptr : &found->second.facts;
}

void ModelPostgres::take_slot_back(std::uint64_t lsn) {
  Slot& slot = slots_[options_.slot];
  slot.facts.confirmed_flush_lsn = std::min(slot.facts.confirmed_flush_lsn, lsn);
  slot.saved_confirmed = std::min(slot.saved_confirmed, lsn);
}

ModelSnapshot ModelPostgres::take_snapshot() const {
  ModelSnapshot snapshot;
  snapshot.position = database_.wal().end();
  snapshot.transaction_id = snapshot.position % 100'000;
  snapshot.rows = database_.rows();
  for (std::uint32_t table = 0; table < kTables; ++table) {
    snapshot.versions[table] = database_.committed_version(table);
  }
  return snapshot;
}

// --- connections

std::shared_ptr<ModelPostgres::Backend> ModelPostgres::add_backend() {
  auto backend = std::make_shared<Backend>();
  backend->wire = std::make_shared<Wire>(clock_, random_.next());
  backend->last_reply_us = clock_.monotonic_us();
  backends_.push_back(backend);
  return backend;
}

std::shared_ptr<Wire> ModelPostgres::open_replication() {
  const auto backend = add_backend();
  backend->wire->watch([this](std::string_view sent) {
    if (sent.size() < 6 + 32 || sent[0] != 'd' || sent[5] != 'r' || !on_status) return;
    const auto lsn = [&](std::size_t at) {
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(sent[at + i]);
      return value;
    };
    on_status(lsn(6), lsn(14));
  });
  return backend->wire;
}

std::shared_ptr<Wire> ModelPostgres::open_copies(std::vector<std::vector<std::string>> tables) {
  const auto backend = add_backend();
  backend->copies = std::move(tables);
  return backend->wire;
}

void ModelPostgres::cut_connections() {
  for (const auto& backend : backends_) backend->wire->cut(random_.below(backend->wire->backlog() + 1));
}

void ModelPostgres::stall_connections(std::int64_t until_us) {
  for (const auto& backend : backends_) backend->wire->stall_until(until_us);
}

void ModelPostgres::client_died() {
  for (const auto& backend : backends_) backend->wire->cut(0);
}

void ModelPostgres::report(Backend& backend, const std::string& sqlstate, const std::string& message,
                           bool fatal) {
  const auto field = [](char code, const std::string& text) { return code + text + std::string(1, '\0'); };
  const std::string severity = fatal ? "FATAL" : "ERROR";
  backend.wire->write(Walsender::frame('E', field('S', severity) + field('V', severity) +
                                                field('C', sqlstate) + field('M', message) +
                                                std::string(1, '\0')));
  if (!fatal) {
    backend.wire->write(Walsender::frame('Z', "I"));
    return;
  }
  backend.terminating = true;
}

void ModelPostgres::terminate_backends(const std::string& sqlstate) {
  for (const auto& backend : backends_) {
    if (!backend->wire->open()) continue;
    if (sqlstate.empty()) {
      backend->wire->close_server();
      continue;
    }
    // Whatever was being sent is finished to the message's end, as the server does.
    report(*backend, sqlstate, "the model ends this connection", true);
  }
}

// --- life

void ModelPostgres::stop_in_order(std::int64_t down_us) {
  if (state_ != State::kUp) return;
  database_.end_sessions(false);
  state_ = State::kStopping;
  down_us_ = down_us;
  stop_began_us_ = clock_.monotonic_us();
  for (const auto& backend : backends_) {
    if (backend->walsender == nullptr) report(*backend, "57P01", "terminating connection", true);
  }
}

void ModelPostgres::go_down(std::int64_t now_us) {
  backends_.clear();
  state_ = State::kDown;
  ++incarnation_;
  up_again_us_ = now_us + down_us_;
  std::erase_if(slots_, [](const auto& entry) { return entry.second.facts.temporary; });
}

void ModelPostgres::crash(std::int64_t down_us) {
  if (state_ == State::kDown) return;
  cut_connections();
  database_.end_sessions(true);
  for (auto& [name, slot] : slots_) {
    slot.facts.active = false;
    // What was confirmed last may not have reached the disk.
    if (random_.percent(50)) slot.facts.confirmed_flush_lsn = slot.saved_confirmed;
  }
  down_us_ = down_us;
  go_down(clock_.monotonic_us());
}

void ModelPostgres::promote() noexcept {
  history_ += concat(timeline_, "\t", postgres::to_string(postgres::Lsn{database_.wal().end()}), "\tmodel\n");
  ++timeline_;
}

bool ModelPostgres::step(std::int64_t now_us) {
  if (state_ == State::kDown) {
    if (now_us < up_again_us_) return false;
    state_ = State::kUp;
    return true;
  }
  bool worked = state_ == State::kUp && database_.step(now_us);
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    const std::shared_ptr<Backend> backend = backends_[i];
    worked |= step(*backend, now_us);
  }
  const std::size_t before = backends_.size();
  std::erase_if(backends_, [&](const auto& backend) {
    // A dead connection is noticed at the next write, or later.
    const bool gone = backend->wire->client_closed() || (backend->wire->was_cut() && random_.percent(10)) ||
                      (backend->terminating && backend->wire->backlog() == 0);
    if (!gone) return false;
    if (Slot* slot = slots_.contains(backend->slot) ? &slots_[backend->slot] : nullptr) {
      slot->facts.active = false;
    }
    backend->wire->close_server();
    return true;
  });
  worked |= before != backends_.size();
  if (state_ == State::kStopping) {
    const bool streaming = std::any_of(backends_.begin(), backends_.end(),
                                       [](const auto& backend) { return backend->walsender != nullptr; });
    if (!streaming) {
      for (const auto& backend : backends_) backend->wire->close_server();
      for (auto& [name, slot] : slots_) slot.saved_confirmed = slot.facts.confirmed_flush_lsn;
      go_down(now_us);
      return true;
    }
    constexpr std::int64_t kPatienceUs = 60'000'000;
    if (now_us - stop_began_us_ > kPatienceUs) {
      if (!keeps_prepared()) verdict_.fail("the server's fast shutdown hangs on us");
      crash(down_us_);
    }
  }
  return worked;
}

std::int64_t ModelPostgres::next_deadline_us() const {
  if (state_ == State::kDown) return up_again_us_;
  std::int64_t deadline = state_ == State::kUp ? database_.next_deadline_us() : kNever;
  for (const auto& backend : backends_) {
    deadline = std::min(deadline, backend->wire->next_deadline_us());
    const bool speaks = backend->wire->open() && !backend->terminating;
    if (speaks && backend->walsender != nullptr) deadline = std::min(deadline, backend->next_keepalive_us);
    if (speaks && state_ == State::kStopping && backend->next_question_us > clock_.monotonic_us()) {
      deadline = std::min(deadline, backend->next_question_us);
    }
    if (backend->wire->was_cut()) deadline = std::min(deadline, clock_.monotonic_us() + 1000);
  }
  return deadline;
}

// --- a connection

bool ModelPostgres::step(Backend& backend, std::int64_t now_us) {
  if (!backend.wire->open() || backend.terminating) return false;
  backend.unread += backend.wire->take_from_client();
  bool worked = false;
  while (backend.unread.size() >= 5) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(backend.unread[i]); };
    const std::size_t size = std::size_t{1} + (std::size_t{byte(1)} << 24 | std::size_t{byte(2)} << 16 |
                                               std::size_t{byte(3)} << 8 | byte(4));
    if (backend.unread.size() < size) break;
    const char type = backend.unread[0];
    const std::string body = backend.unread.substr(5, size - 5);
    backend.unread.erase(0, size);
    worked = true;
    if (type == 'Q') {
      command(backend, body.substr(0, body.size() - 1), now_us);
    } else if (type == 'd' && !body.empty() && body[0] == 'r') {
      status(backend, body, now_us);
    } else if (type == 'c') {
      backend.wire->write(Walsender::frame('c', ""));
      backend.wire->write(Walsender::frame('C', std::string("COPY 0") + '\0'));
      backend.wire->write(Walsender::frame('Z', "I"));
      backend.terminating = true;
    } else {
      verdict_.fail(concat("the server was sent a message of type '", std::string(1, type), "'"));
    }
    if (backend.terminating) return true;
  }
  if (backend.walsender != nullptr) worked |= stream(backend, now_us);
  return worked;
}

void ModelPostgres::command(Backend& backend, const std::string& sql, std::int64_t now_us) {
  if (sql.starts_with("START_REPLICATION")) return start_replication(backend, sql, now_us);
  if (sql.starts_with("COPY")) return copy(backend);
  verdict_.fail("the server was sent the command " + sql);
}

void ModelPostgres::start_replication(Backend& backend, const std::string& sql, std::int64_t now_us) {
  const std::string slot_name = sql.substr(sql.find('"') + 1, sql.rfind("\" LOGICAL") - sql.find('"') - 1);
  const auto found = slots_.find(slot_name);
  if (found == slots_.end()) return report(backend, "42704", "replication slot does not exist", false);
  Slot& slot = found->second;
  if (slot.facts.active) return report(backend, "55006", "replication slot is active", false);
  if (sql.find("LOGICAL 0/0 ") == std::string::npos)
    verdict_.fail("a position of ours was asked for: " + sql);
  DecodingOptions options;
  options.parallel = sql.find("streaming 'parallel'") != std::string::npos;
  options.streaming = options.parallel || sql.find("streaming 'on'") != std::string::npos;
  options.messages = sql.find("messages 'true'") != std::string::npos;
  options.binary = sql.find("binary 'true'") != std::string::npos;
  options.two_phase = slot.facts.two_phase;
  options.two_phase_at = slot.created_at;
  options.empty_transactions = options_.version_num < 150000;
  options.changes_in_memory = options_.changes_in_memory;
  backend.walsender =
      std::make_unique<Walsender>(database_.wal(), options, slot.facts.confirmed_flush_lsn, clock_);
  backend.slot = slot_name;
  slot.facts.active = true;
  backend.last_reply_us = now_us;
  backend.next_keepalive_us = now_us;
  backend.wire->write(Walsender::frame('W', std::string(3, '\0')));
}

void ModelPostgres::copy(Backend& backend) {
  const std::vector<std::string>& rows = backend.copies.at(backend.next_copy++);
  backend.wire->write(Walsender::frame('H', std::string(3, '\0')));
  for (const std::string& row : rows) {
    backend.wire->write(Walsender::frame('d', row));
    // Where rows follow: what is said of the row before it is true all the same.
    if (hostile_row_ && rows.size() >= 3)
      backend.wire->write(hostile_row(*std::exchange(hostile_row_, std::nullopt)));
  }
  backend.wire->write(Walsender::frame('c', ""));
  backend.wire->write(Walsender::frame('C', concat("COPY ", rows.size()) + '\0'));
  backend.wire->write(Walsender::frame('Z', "T"));
}

void ModelPostgres::status(Backend& backend, const std::string& body, std::int64_t now_us) {
  const auto lsn = [&](std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(body[at + i]);
    return value;
  };
  const std::uint64_t flushed = lsn(9);
  if (flushed < backend.client_flushed) verdict_.fail("the told position went back");
  if (flushed > database_.wal().end()) verdict_.fail("a position behind the log's end was told");
  backend.client_written = lsn(1);
  backend.client_flushed = flushed;
  backend.last_reply_us = now_us;
  backend.asked = false;
  Slot& slot = slots_[backend.slot];
  if (flushed > slot.facts.confirmed_flush_lsn) {
    slot.facts.confirmed_flush_lsn = flushed;
    if (random_.percent(50)) slot.saved_confirmed = flushed;
  }
}

bool ModelPostgres::stream(Backend& backend, std::int64_t now_us) {
  // Rather in the middle of a transaction: there is more to be mistaken about.
  const bool inside = backend.walsender->inside();
  if (hostile_ && (inside || *hostile_ % 3 == 0)) {
    backend.wire->write(hostile_bytes(*std::exchange(hostile_, std::nullopt), inside));
    return true;
  }
  bool worked = false;
  std::uint64_t frames = 1 + random_.below(20);
  while (frames-- > 0 && backend.wire->backlog() < options_.socket_bytes) {
    const std::string frame = backend.walsender->next_frame();
    if (frame.empty()) return idle(backend, now_us) || worked;
    backend.wire->write(frame);
    worked = true;
  }
  const std::int64_t timeout_us = options_.wal_sender_timeout_ms * 1000;
  if (timeout_us > 0 && now_us - backend.last_reply_us > timeout_us) {
    ++timeouts_;
    backend.wire->cut(0);
  } else if (now_us >= backend.next_keepalive_us) {
    // Between two messages, inside a transaction as well.
    backend.wire->write(Walsender::keepalive(backend.walsender->sent(), clock_.realtime_us(), false));
    backend.next_keepalive_us = now_us + options_.keepalive_us;
    worked = true;
  }
  return worked;
}

bool ModelPostgres::idle(Backend& backend, std::int64_t now_us) {
  const std::uint64_t sent = backend.walsender->sent();
  const auto say = [&](bool reply) {
    backend.wire->write(Walsender::keepalive(sent, clock_.realtime_us(), reply));
    backend.told_sent = sent;
    backend.asked |= reply;
    backend.next_keepalive_us = now_us + options_.keepalive_us;
    return true;
  };
  const std::int64_t timeout_us = options_.wal_sender_timeout_ms * 1000;
  const std::int64_t silent_us = now_us - backend.last_reply_us;
  if (timeout_us > 0 && silent_us > timeout_us) {
    ++timeouts_;
    backend.wire->cut(0);
    return true;
  }
  if (state_ == State::kStopping) {
    const std::uint64_t confirmed =
        backend.client_flushed != 0 ? backend.client_flushed : backend.client_written;
    if (confirmed == sent) {
      backend.wire->write(Walsender::frame('C', std::string("COPY 0") + '\0'));
      backend.terminating = true;
      return true;
    }
    // One question per round trip.
    if (!backend.asked && now_us >= backend.next_question_us) {
      backend.next_question_us = now_us + 5'000;
      return say(true);
    }
  } else if (timeout_us > 0 && silent_us > timeout_us / 2 && !backend.asked) {
    return say(true);
  } else if (backend.client_written < sent && backend.client_flushed < sent && backend.told_sent != sent) {
    return say(false);
  }
  if (now_us >= backend.next_keepalive_us) return say(false);
  return false;
}

}  // namespace millrace::sim
