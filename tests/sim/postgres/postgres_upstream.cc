// SPDX-License-Identifier: Apache-2.0
// PostgreSQL for the scheduler: the model server, the product's source with its edges, and what must hold
// between the two.
#include <algorithm>
#include <set>

#include "base/concat.h"
#include "base/reason_code.h"
#include "sim/model_scratch.h"
#include "sim/postgres/another_history.h"
#include "sim/postgres/identity.h"
#include "sim/postgres/model_edge.h"
#include "sim/postgres/model_postgres.h"
#include "sim/postgres/model_relations.h"
#include "sim/postgres/postgres_setup.h"
#include "sim/upstream.h"
#include "source/postgres/stream/postgres_source.h"

namespace millrace::sim {

namespace {

using postgres::LogPosition;
using postgres::PostgresSource;

class PostgresUpstream final : public Upstream {
 public:
  explicit PostgresUpstream(Surroundings& around)
      : around_(around),
        random_(around.scenario.seed ^ 0x5057524553ULL),
        setup_(make_postgres_setup(random_)),
        database_(setup_.workload, around.clock, around.ledger),
        server_(setup_.server, database_, around.clock, around.verdict, random_.next()),
        held_(setup_.held_bytes, setup_.held_block_bytes, setup_.held_notes_free) {
    server_.on_status = [this](std::uint64_t, std::uint64_t flushed) { told(flushed); };
    // What the database did before anybody looked.
    for (int i = 0; i < setup_.earlier_transactions; ++i) {
      database_.begin_transaction(random_.next());
      while (random_.percent(70)) database_.step(kNever);
    }
    if (setup_.impossible_server != 0) begin_impossible_server();
    if (setup_.hostile_row != 0) {
      server_.say_in_copy(setup_.hostile_row);
      excused_.insert({ReasonCode::kSourceProtocol, ReasonCode::kRowTooLarge, ReasonCode::kSourceCorrupt,
                       ReasonCode::kSnapshotFailed});
    }
    if (setup_.existing_slot) {
      server_.create_slot(setup_.source.slot_name, false, setup_.existing_slot_two_phase);
      for (int i = 0; i < setup_.earlier_transactions; ++i) {
        database_.begin_transaction(random_.next());
        while (random_.percent(70)) database_.step(kNever);
      }
    }
  }

  // --- the database

  void apply(const Step& step) override {
    Random random(step.seed);
    const std::int64_t now_us = around_.clock.monotonic_us();
    const auto excuse = [&](std::initializer_list<ReasonCode> codes) { excused_.insert(codes); };
    switch (step.kind) {
      case StepKind::kTransaction:
        if (server_.up()) database_.begin_transaction(step.seed);
        return;
      case StepKind::kMessage:
        if (server_.up()) database_.emit_message(step.seed);
        return;
      case StepKind::kNoise:
        if (server_.up()) database_.write_noise(step.seed);
        return;
      case StepKind::kCut:
        network_trouble();
        return server_.cut_connections();
      case StepKind::kStallNetwork:
        network_trouble();
        return server_.stall_connections(now_us + random.between(1'000, 1'500'000));
      case StepKind::kServerStop:
        network_trouble();
        return server_.stop_in_order(random.between(1'000, 500'000));
      case StepKind::kServerCrash:
        network_trouble();
        return server_.crash(random.between(1'000, 500'000));
      case StepKind::kPromote:
        network_trouble();
        server_.crash(random.between(1'000, 100'000));
        return server_.promote();
      case StepKind::kTerminate: {
        network_trouble();
        const char* const states[] = {"57P01", "57P02", "08006", "XX000", ""};
        const std::string state = random.pick(states);
        if (state == "XX000") excuse({ReasonCode::kSourceCorrupt});
        return server_.terminate_backends(state);
      }
      case StepKind::kSlotBusy:
        network_trouble();
        excuse({ReasonCode::kSlotInUse});
        busy_until_us_ = now_us + random.between(1'000, 300'000);
        return server_.cut_connections();
      case StepKind::kRefuse:
        network_trouble();
        refusals_ = 1 + random.below(4);
        if (random.percent(70)) server_.cut_connections();
        break;
      case StepKind::kRefuseForGood:
        network_trouble();
        excuse({ReasonCode::kPermissionDenied});
        refusals_ = 1;
        refuse_for_good_ = true;
        if (random.percent(70)) server_.cut_connections();
        break;
      case StepKind::kHostile:
        network_trouble();
        excuse({ReasonCode::kSourceProtocol, ReasonCode::kSourceGap, ReasonCode::kSourceHistoryChanged,
                ReasonCode::kRowTooLarge, ReasonCode::kPublicationSkipped, ReasonCode::kSourceCorrupt});
        if (random.percent(25)) return server_.say_in_copy(step.seed);
        return server_.say(step.seed);
      case StepKind::kAnotherHistory:
        return another_history(step.seed);
      case StepKind::kFullScratch:
        excuse({ReasonCode::kMemoryLimit});
        scratch_.set_full(true, random.percent(50));
        scratch_free_us_ = now_us + random.between(1'000, 300'000);
        return;
      case StepKind::kPoison:
        excuse({ReasonCode::kValueUndecodable});
        around_.poison_in = 1 + random.below(20);
        return;
      case StepKind::kBadTable:
        excuse({ReasonCode::kConfigInvalid});
        bad_table_ = true;
        break;
      default:
        return;
    }
    arm_process();
  }

  bool step(std::int64_t now_us) override {
    if (scratch_.full() && now_us >= scratch_free_us_) scratch_.set_full(false);
    if (busy_until_us_ != 0) {
      postgres::SlotFacts* slot = server_.slot(setup_.source.slot_name);
      const bool busy = now_us < busy_until_us_;
      if (slot != nullptr && !slot->active && busy) slot->active = busy_marked_ = true;
      if (!busy) {
        if (slot != nullptr && busy_marked_) slot->active = false;
        busy_until_us_ = 0;
        busy_marked_ = false;
      }
    }
    return server_.step(now_us);
  }

  std::int64_t next_deadline_us() const override {
    std::int64_t deadline = server_.next_deadline_us();
    if (process_ != nullptr) deadline = std::min(deadline, process_->edge.next_deadline_us());
    if (scratch_.full()) deadline = std::min(deadline, scratch_free_us_);
    if (busy_until_us_ != 0) deadline = std::min(deadline, busy_until_us_);
    return deadline;
  }

  void heal() override {
    scratch_free_us_ = 0;
    refusals_ = 0;
    refuse_for_good_ = bad_table_ = false;
    around_.poison_in = 0;
    if (busy_until_us_ != 0) busy_until_us_ = 1;
    if (process_ != nullptr) process_->edge.fail_next(0, true);
    server_.stall_connections(0);
    server_.say_nothing();
  }

  // --- the product's process

  std::unique_ptr<BatchEncoder> make_encoder() override {
    return make_postgres_model_encoder({setup_.workload.truncates_expected, &around_.poison_in},
                                       around_.ledger, around_.verdict);
  }

  void plan(MemoryPlan& memory) const override {
    memory.slab_bytes = setup_.slab_bytes;
    memory.receive_bytes = setup_.slab_bytes * setup_.slabs;
    memory.held_bytes = setup_.held_bytes;
  }

  Source& connect(PipelineCore& core) override {
    ModelEdge::Beginnings begins;
    begins.met = [this](const postgres::ServerFacts& facts) {
      // Nothing was finished yet: whatever the slot still has is the beginning.
      if (!fresh() || setup_.source.snapshot != postgres::SnapshotWish::kNoData || !facts.slot) return;
      database_.expect_from(facts.slot->confirmed_flush_lsn, {});
    };
    begins.slot_created = [this](std::uint64_t at) { database_.expect_from(at, {}); };
    begins.snapshot_opened = [this](const ModelSnapshot& snapshot, std::int64_t read_time_us) {
      expect_snapshot(snapshot, read_time_us);
    };
    if (setup_.watched) setup_.source.troubles = &troubles_;
    process_ = std::make_unique<Process>(*this, core, std::move(begins));
    arm_process();
    return process_->source;
  }

  void disconnect() override {
    process_.reset();
    server_.client_died();
    if (held_.used_bytes() != 0) around_.verdict.fail("held transactions outlived their source");
    if (scratch_.open_files() != 0) around_.verdict.fail("scratch files outlived their source");
  }

  // --- the invariants

  void check() override {
    // What could not be spilled stays in memory until the failed source ends.
    const bool failed = process_ != nullptr && !process_->source.status().ok();
    if (!failed && held_.used_bytes() > held_.limit_bytes())
      around_.verdict.fail("held transactions exceed their budget");
  }

  bool settled() const override {
    if (setup_.source.snapshot == postgres::SnapshotWish::kInitialOnly)
      return around_.sink.holds_everything();
    if (!server_.up() || !database_.idle() || !around_.sink.holds_everything()) return false;
    const auto slot = server_.facts().slot;
    return slot && slot->confirmed_flush_lsn == database_.wal().end();
  }

  std::string state() const override {
    const auto slot = server_.facts().slot;
    return concat("server ", server_.up() ? "up" : "down", ", log ends at ", database_.wal().end(),
                  ", slot confirmed ", slot ? slot->confirmed_flush_lsn : 0,
                  slot && slot->active ? " (active)" : "", ", ", database_.prepared(), " prepared, sink ",
                  around_.sink.holds_everything() ? "complete" : "incomplete", ", source ",
                  process_ == nullptr ? "gone" : std::string(to_string(process_->source.phase())));
  }

  bool excuses(const absl::Status& status) override { return excused_.contains(reason_of(status)); }
  bool over() const override { return over_; }
  bool ends_with_a_stop() const override { return setup_.source.drop_slot_on_stop; }

 private:
  struct Process {
    Process(PostgresUpstream& up, PipelineCore& core, ModelEdge::Beginnings begins)
        : relations(up.around_.verdict),
          edge(up.server_, up.around_.clock, {up.setup_.answer_us}, std::move(begins), up.random_.next()),
          source(up.setup_.source, edge, relations, up.scratch_, up.held_, core.outlet(), core.slabs(),
                 classify_report, up.around_.clock) {}
    ModelRelations relations;
    ModelEdge edge;
    PostgresSource source;
  };

  /// A server that no start can work with.
  void begin_impossible_server() {
    over_ = true;
    excused_.insert({ReasonCode::kServerVersion, ReasonCode::kWalLevel});
    server_.disguise = [kind = setup_.impossible_server](postgres::ServerFacts& facts) {
      if (kind == 1) facts.version_num = 120'000;
      if (kind == 2) facts.wal_level = "replica";
      if (kind == 3) facts.in_recovery = true, facts.version_num = 150'000;
    };
  }

  bool fresh() const {
    const auto& newest = around_.checkpoints.durable().newest;
    return !newest || newest->position.text.empty();
  }

  void network_trouble() {
    // Rows of a broken snapshot can only be taken back by a restart.
    excused_.insert(ReasonCode::kSnapshotFailed);
    if (setup_.source.retries_max >= 0) excused_.insert(ReasonCode::kRetriesExhausted);
  }

  void arm_process() {
    if (process_ == nullptr) return;
    if (refusals_ > 0)
      process_->edge.fail_next(std::exchange(refusals_, 0), !std::exchange(refuse_for_good_, false));
    if (std::exchange(bad_table_, false)) process_->relations.fail_next();
  }

  void another_history(std::uint64_t seed) {
    const auto& newest = around_.checkpoints.durable().newest;
    if (fresh() || setup_.source.snapshot == postgres::SnapshotWish::kInitialOnly || !server_.up()) return;
    const auto position = postgres::parse_position(newest->position);
    if (!position.ok() || position->lsn == 0) return;
    for (const ReasonCode code : begin_another_history(seed, server_, database_, *position)) {
      excused_.insert(code);
      over_ = true;
    }
    if (!over_) return;
    server_.cut_connections();
    server_.replace();
  }

  /// The rows as the snapshot's reader must mark them.
  void expect_snapshot(const ModelSnapshot& snapshot, std::int64_t read_time_us) {
    std::vector<RecordIdentity> rows;
    for (std::uint32_t table = 0; table < kTables; ++table) {
      if (table == kHiddenTable) continue;
      const std::size_t first = rows.size();
      for (const auto& [id, row] : snapshot.rows[table]) {
        RecordIdentity& identity = rows.emplace_back();
        identity.kind = 'r';
        identity.table = table;
        identity.version = snapshot.versions[table];
        identity.row = id;
        identity.tag = row.tag;
        identity.lsn = identity.commit_lsn = snapshot.position;
        identity.transaction = snapshot.transaction_id;
        identity.commit_time_us = read_time_us;
        identity.marker = static_cast<int>(SnapshotMarker::kTrue);
      }
      if (rows.size() == first) continue;
      rows[first].marker = static_cast<int>(SnapshotMarker::kFirstInTable);
      rows.back().marker = static_cast<int>(SnapshotMarker::kLastInTable);
    }
    if (!rows.empty()) {
      rows.front().marker = static_cast<int>(SnapshotMarker::kFirst);
      rows.back().marker = static_cast<int>(SnapshotMarker::kLast);
    }
    std::vector<Database::SnapshotRow> expected;
    for (const RecordIdentity& row : rows) {
      expected.push_back({row.hash(row.table == kKeylessTable), row.text()});
    }
    const bool only = setup_.source.snapshot == postgres::SnapshotWish::kInitialOnly;
    database_.expect_from(only ? kNeverExpected : snapshot.position, expected);
  }
  static constexpr std::uint64_t kNeverExpected = ~std::uint64_t{0};

  /// The product tells a position: everything below it must survive anything that happens now.
  void told(std::uint64_t flushed) {
    // The slot's own position is repeated to the server; so is what was told before the server forgot it.
    const postgres::SlotFacts* slot = server_.slot(setup_.source.slot_name);
    if (flushed <= told_checked_ || (slot != nullptr && flushed <= slot->confirmed_flush_lsn)) return;
    const StoredCheckpoints& stored = around_.checkpoints.durable();
    const auto older = stored.previous ? postgres::parse_position(stored.previous->position)
                                       : absl::StatusOr<LogPosition>(LogPosition{});
    if (!older.ok() || flushed > older->tell) {
      around_.verdict.fail(
          concat("told ", flushed, ", the older checkpoint holds ", older.ok() ? older->tell : 0));
    }
    for (std::size_t i = 0; i < around_.ledger.partition_count(); ++i) {
      const auto& expected = around_.ledger.partition(i);
      for (std::size_t at = around_.sink.durable(i); at < expected.size(); ++at) {
        if (expected[at].order < flushed) {
          around_.verdict.fail(concat("told ", flushed, ", but the sink could lose ", expected[at].text));
          return;
        }
      }
    }
    told_checked_ = flushed;
  }

  Surroundings& around_;
  Random random_;
  PostgresSetup setup_;
  Troubles troubles_;
  Database database_;
  ModelPostgres server_;
  postgres::HeldBudget held_;
  ModelScratch scratch_;
  std::unique_ptr<Process> process_;

  std::set<ReasonCode> excused_;
  bool over_ = false;
  std::uint64_t told_checked_ = 0;
  std::int64_t scratch_free_us_ = 0;
  std::int64_t busy_until_us_ = 0;
  bool busy_marked_ = false;
  std::uint64_t refusals_ = 0;
  bool refuse_for_good_ = false;
  bool bad_table_ = false;
};

}  // namespace

std::unique_ptr<Upstream> make_postgres_upstream(Surroundings& around) {
  return std::make_unique<PostgresUpstream>(around);
}

}  // namespace millrace::sim
