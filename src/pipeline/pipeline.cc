// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "checkpoint/checkpoint_choice.h"
#include "config/parse.h"
#include "kafka/errors.h"
#include "pipeline/pipeline_core.h"
#include "pipeline/postgres_assembly.h"
#include "runtime/clock.h"
#include "runtime/reactor.h"
#include "runtime/threads.h"
#include "source/postgres/stream/position.h"
#include "source/postgres/stream/start_plan.h"

namespace millrace {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
// A stop is over within 10 s: the source may need the rest to let go of its connections.
constexpr std::int64_t kShutdownPatienceUs = 6'500'000;
constexpr std::int64_t kViewIntervalUs = 50'000;
constexpr std::int64_t kRestartWaitUs = 1'000'000;

Reactor::Kind reactor_kind(IoBackend io) {
  switch (io) {
    case IoBackend::kIoUring:
      return Reactor::Kind::kIoUring;
    case IoBackend::kPlain:
      return Reactor::Kind::kPlain;
    case IoBackend::kAuto:
      break;
  }
  return Reactor::Kind::kAuto;
}

/// Librdkafka's structs for a record cost as much as a small record does: half of the output memory is
/// theirs. More than this brings no speed, however long the way to the brokers.
constexpr std::size_t kKafkaBytesMax = 32U << 20;

MemoryPlan memory_plan(const PipelineConfig& config, std::uint64_t memory_bytes) {
  MemoryPlan plan = MemoryPlan::cut(memory_bytes, config.held_memory_percent);
  if (config.sink == SinkKind::kKafka) {
    plan.output_bytes = std::max(std::min(plan.output_bytes / 2, kKafkaBytesMax), 4 * plan.chunk_bytes);
  }
  return plan;
}

/// What is counted goes on where the runs before have ended.
void add_counts(PipelineView& view, const PipelineView& before) {
  view.bytes_received += before.bytes_received;
  view.changes += before.changes;
  view.transactions += before.transactions;
  view.records += before.records;
  view.reconnects += before.reconnects;
  view.checkpoints += before.checkpoints;
  for (const TableCount& earlier : before.tables) {
    const auto found = std::ranges::find(view.tables, earlier.name, &TableCount::name);
    if (found == view.tables.end()) {
      view.tables.push_back(earlier);
      continue;
    }
    found->reads += earlier.reads;
    found->creates += earlier.creates;
    found->updates += earlier.updates;
    found->deletes += earlier.deletes;
    found->truncates += earlier.truncates;
    found->messages += earlier.messages;
    found->bytes += earlier.bytes;
  }
}

/// Whether a run that ended so is started again by itself, from the checkpoint.
bool may_pass(const absl::Status& status) {
  const ReasonCode reason = reason_of(status);
  return reason == ReasonCode::kSnapshotFailed || kafka::may_pass(reason);
}

int core_of(const PipelineConfig& config, std::size_t loop) {
  return config.cores.empty() ? -1 : config.cores[loop % config.cores.size()];
}

}  // namespace

/// From a start to its end: everything a pipeline needs, made new.
class Pipeline::Run {
 public:
  Run(const PipelineConfig& config, std::uint64_t memory_bytes, const std::atomic<bool>& stop,
      Troubles& troubles, metrics::Histogram& sink_seconds)
      : config_(config),
        memory_(memory_plan(config, memory_bytes)),
        stop_(stop),
        troubles_(troubles),
        sink_seconds_(sink_seconds) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    // A client's threads may be reading the pieces, which go with the core.
    if (sink_ != nullptr) sink_->let_go();
  }

  /// Runs to the end on the calling thread, with threads of its own for workers and the order stage.
  absl::Status run() {
    if (absl::Status status = assemble(); !status.ok()) {
      // A stop while the output was being opened.
      return absl::IsCancelled(status) && stop_ ? absl::OkStatus() : status;
    }
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < loops_.size(); ++i) {
      threads.emplace_back([this, i] { loop(i); });
    }
    loop(0);
    over_.store(true, std::memory_order_release);
    for (auto& loop : loops_) loop->reactor->wake();
    for (std::thread& thread : threads) thread.join();
    publish_order_view();
    const std::lock_guard lock(failure_mutex_);
    if (!failure_.ok()) return failure_;
    return assembly_->source().status();
  }

  /// After run() has returned OK: there is nothing to continue.
  bool position_is_void() const { return assembly_ != nullptr && assembly_->source().position_is_void(); }

  /// Any thread.
  void wake() {
    const std::lock_guard lock(view_mutex_);
    if (!loops_.empty()) loops_[0]->reactor->wake();
  }

  PipelineView view() const {
    const std::lock_guard lock(view_mutex_);
    PipelineView view = order_view_;
    if (assembly_ == nullptr) return view;
    assembly_->fill(view);
    std::map<std::string, TableCount> tables;
    for (std::size_t i = 0; i < core_->worker_count(); ++i) core_->worker(i).tables().add_to(tables);
    for (auto& [name, count] : tables) view.tables.push_back(std::move(count));
    for (std::size_t i = 0; i < core_->worker_count(); ++i) {
      const WorkerRings& rings = core_->rings(i);
      const auto add = [&](std::string_view from, std::string_view to, const auto& ring) {
        view.rings.push_back({concat(from, "-", to, "-", i), ring.size_approximate(), ring.capacity()});
      };
      add("ingest", "worker", rings.in);
      add("worker", "order", rings.out);
    }
    view.receive_used = receive_used_.load(std::memory_order_relaxed);
    view.receive_limit = memory_.receive_bytes;
    view.held_limit = memory_.held_bytes;
    view.output_limit = memory_.output_bytes;
    return view;
  }

 private:
  /// One thread's work.
  struct Loop {
    std::unique_ptr<Reactor> reactor;
    std::vector<std::size_t> workers;  ///< Workers stepped here.
    bool ingest = false;
    bool order = false;
    std::string name;
  };

  absl::Status assemble() {
    const int worker_threads = effective_workers(config_, static_cast<int>(usable_cores().size()));
    std::vector<std::unique_ptr<Loop>> loops;
    const auto add_loop = [&](std::string name) -> absl::StatusOr<Loop*> {
      absl::StatusOr<std::unique_ptr<Reactor>> reactor = Reactor::create(reactor_kind(config_.io));
      if (!reactor.ok()) return reactor.status();
      loops.push_back(std::make_unique<Loop>());
      loops.back()->reactor = *std::move(reactor);
      loops.back()->name = std::move(name);
      return loops.back().get();
    };
    absl::StatusOr<Loop*> ingest = add_loop("ingest");
    if (!ingest.ok()) return ingest.status();
    (*ingest)->ingest = true;
    Loop* order = *ingest;
    if (worker_threads == 0) {
      (*ingest)->workers = {0};
    } else {
      for (int i = 0; i < worker_threads; ++i) {
        absl::StatusOr<Loop*> worker = add_loop("worker-" + std::to_string(i));
        if (!worker.ok()) return worker.status();
        (*worker)->workers = {static_cast<std::size_t>(i)};
      }
      absl::StatusOr<Loop*> own = add_loop("order");
      if (!own.ok()) return own.status();
      order = *own;
    }
    order->order = true;

    Reactor* order_reactor = order->reactor.get();
    SinkSurroundings surroundings;
    surroundings.stop_requested = [this] { return stop_.load(std::memory_order_acquire); };
    surroundings.memory_bytes_max = memory_.output_bytes;
    const auto note = [this](Troubles::Of whom, const absl::Status& status) {
      if (status.ok()) {
        troubles_.passed(whom);
      } else {
        troubles_.add(whom, status, system_clock().realtime_us());
      }
    };
    surroundings.on_trouble = [note](const absl::Status& status) { note(Troubles::Of::kSink, status); };
    surroundings.on_statistics = [this](const KafkaView& view) {
      const std::lock_guard lock(view_mutex_);
      order_view_.kafka = view;
    };
    sink_ = make_record_sink(config_, *order_reactor, std::move(surroundings));
    CheckpointSurroundings around_store;
    around_store.stop_requested = [this] { return stop_.load(std::memory_order_acquire); };
    around_store.accepts = [this](const Checkpoint& stored) {
      const auto before = postgres::parse_identity(stored.source_identity);
      return before.ok()
                 ? postgres::check_slot_is_its_own(*before, config_.database.dbname, config_.slot.name)
                 : absl::OkStatus();
    };
    around_store.on_trouble = [note](const absl::Status& status) {
      note(Troubles::Of::kCheckpoint,
           status.ok() ? status : with_reason(status, ReasonCode::kCheckpointWriteFailed));
    };
    around_store.on_waiting = [note](const absl::Status& status) { note(Troubles::Of::kCheckpoint, status); };
    around_store.wake = [order_reactor] { order_reactor->wake(); };
    store_ = make_checkpoint_store(config_, std::move(around_store));
    PipelineCore::Options options;
    options.order.pipeline = config_.name;
    options.order.options_hash = config::start_options_hash(config_);
    options.order.checkpoint_interval_us = config_.checkpoint.interval_ms * 1000;
    options.order.sink_seconds = &sink_seconds_;
    options.memory = memory_;
    options.worker_count = static_cast<std::size_t>(std::max(1, worker_threads));
    auto assembly = std::make_unique<PostgresAssembly>(config_, memory_, troubles_);
    auto core = std::make_unique<PipelineCore>(
        options, [&](std::uint32_t) { return assembly->make_encoder(); }, *sink_, *store_, system_clock());
    assembly->connect(*core, *(*ingest)->reactor);
    {
      const std::lock_guard lock(view_mutex_);
      core_ = std::move(core);
      assembly_ = std::move(assembly);
      loops_ = std::move(loops);
    }
    return core_->start(assembly_->source());
  }

  void loop(std::size_t index) {
    Loop& self = *loops_[index];
    set_thread_name("mr-" + self.name);
    const int core = core_of(config_, index);
    if (core >= 0) {
      if (absl::Status status = pin_thread({&core, 1}); !status.ok()) {
        log_warn(
            "pipeline", "a thread could not be pinned",
            {{"pipeline", config_.name}, {"thread", self.name}, {"error", std::string(status.message())}});
      }
    }
    bool stopping = false;
    std::int64_t patience_us = kNever;
    while (!over_.load(std::memory_order_acquire)) {
      const std::int64_t now_us = monotonic_us();
      bool worked = self.reactor->poll();
      if (self.ingest) {
        if (!stopping && stop_.load(std::memory_order_acquire)) {
          stopping = true;
          patience_us = now_us + kShutdownPatienceUs;
          core_->request_stop(now_us);
        }
        worked |= core_->ingest_step(now_us);
        receive_used_.store(core_->slabs().used_bytes(), std::memory_order_relaxed);
        if (core_->finished()) return;
        if (now_us > patience_us) {
          return fail(
              with_reason(absl::DeadlineExceededError("what was in flight could not be delivered in time; "
                                                      "the next start continues at the last checkpoint"),
                          ReasonCode::kShutdownTimeout));
        }
      }
      for (const std::size_t worker : self.workers) {
        worked |= core_->worker_step(worker);
        if (!core_->worker(worker).status().ok()) return fail(core_->worker(worker).status());
      }
      if (self.order) {
        const bool moved = core_->order_step();
        worked |= moved;
        view_stale_ |= moved;
        if (!core_->order().status().ok()) return fail(core_->order().status());
        if (now_us - last_view_us_ >= kViewIntervalUs) {
          last_view_us_ = now_us;
          view_stale_ = false;
          publish_order_view();
        }
      }
      if (worked) {
        for (std::size_t other = 0; other < loops_.size(); ++other) {
          if (other != index) loops_[other]->reactor->wake();
        }
        if (self.ingest) core_->slabs().trim(now_us);
        continue;
      }
      std::int64_t deadline_us = patience_us;
      if (self.ingest) deadline_us = std::min(deadline_us, core_->ingest_deadline_us());
      if (self.order) {
        // People may look: what they see is what was last done, and never more than a second old.
        const std::int64_t view_us = view_stale_ ? last_view_us_ + kViewIntervalUs : now_us + 1'000'000;
        deadline_us = std::min({deadline_us, core_->order_deadline_us(), view_us});
      }
      self.reactor->wait(deadline_us);
    }
  }

  void fail(absl::Status status) {
    {
      const std::lock_guard lock(failure_mutex_);
      if (failure_.ok()) failure_ = std::move(status);
    }
    over_.store(true, std::memory_order_release);
    for (auto& loop : loops_) loop->reactor->wake();
  }

  /// Order stage's thread.
  void publish_order_view() {
    const OrderStage& order = core_->order();
    const auto log_position = [](const Position& position) {
      const auto parsed = postgres::parse_position(position);
      return parsed.ok() ? *parsed : postgres::LogPosition{};
    };
    const postgres::LogPosition acknowledged = log_position(order.position());
    const postgres::LogPosition durable = log_position(order.durable());
    const OrderStageCounters& counters = order.counters();
    const std::lock_guard lock(view_mutex_);
    order_view_.acknowledged_lsn = acknowledged.lsn;
    order_view_.acknowledged_commit_us = acknowledged.last.commit_time_us;
    order_view_.checkpointed_lsn = durable.lsn;
    order_view_.checkpointed_commit_us = durable.last.commit_time_us;
    order_view_.records = counters.delivered_records;
    order_view_.records_in_flight = counters.records - counters.delivered_records;
    order_view_.pieces_in_flight = order.in_flight();
    order_view_.output_used = order.in_flight() * memory_.chunk_bytes;
    if (counters.checkpoints != order_view_.checkpoints) {
      order_view_.checkpoints = counters.checkpoints;
      order_view_.last_checkpoint_us = system_clock().realtime_us();
    }
  }

  const PipelineConfig& config_;
  const MemoryPlan memory_;
  const std::atomic<bool>& stop_;
  Troubles& troubles_;
  metrics::Histogram& sink_seconds_;

  // Reactors outlive what completes on them.
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<RecordSink> sink_;
  std::unique_ptr<CheckpointStore> store_;
  std::unique_ptr<PipelineCore> core_;
  std::unique_ptr<PostgresAssembly> assembly_;

  std::atomic<bool> over_{false};
  std::mutex failure_mutex_;
  absl::Status failure_;
  std::atomic<std::uint64_t> receive_used_{0};
  std::int64_t last_view_us_ = 0;  // order stage's thread
  bool view_stale_ = true;         // the same: something was done since
  mutable std::mutex view_mutex_;  // guards order_view_, and the pointers above while they are set
  PipelineView order_view_;
};

Pipeline::Pipeline(PipelineConfig config, std::uint64_t memory_bytes, metrics::Registry& registry)
    : config_(std::move(config)),
      memory_bytes_(memory_bytes),
      sink_seconds_(registry.histogram(metrics::Family::kSinkWriteSeconds, {config_.name})) {}

Pipeline::~Pipeline() {
  request_stop();
  if (thread_.joinable()) thread_.join();
}

void Pipeline::start() {
  thread_ = std::thread([this] { supervise(); });
}

void Pipeline::request_stop() {
  stop_requested_.store(true, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  if (run_ != nullptr) run_->wake();
}

absl::Status Pipeline::wait() {
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return status_;
}

void Pipeline::supervise() {
  std::int64_t attempts = 0;
  for (;;) {
    auto run = std::make_unique<Run>(config_, memory_bytes_, stop_requested_, troubles_, sink_seconds_);
    Run* current = run.get();
    {
      const std::lock_guard lock(mutex_);
      run_ = std::move(run);
    }
    const std::int64_t began_us = monotonic_us();
    absl::Status status = current->run();
    const bool position_is_void = status.ok() && current->position_is_void();
    // What the sink and the store were trying goes with them. The source has noted its own.
    troubles_.passed(Troubles::Of::kSink);
    troubles_.passed(Troubles::Of::kCheckpoint);
    if (troubles_.view().current != status)
      troubles_.add(Troubles::Of::kRun, status, system_clock().realtime_us());
    if (monotonic_us() - began_us > 60'000'000) attempts = 0;
    const std::int64_t wait_us =
        std::max(kRestartWaitUs, std::min(kRestartWaitUs << std::min<std::int64_t>(attempts, 10),
                                          config_.retriable_restart_wait_ms * 1000));
    const std::int64_t wait_until_us = monotonic_us() + wait_us;
    const bool again = !status.ok() && !stop_requested_.load(std::memory_order_acquire) && may_pass(status) &&
                       (config_.errors_max_retries < 0 || attempts < config_.errors_max_retries);
    ++attempts;
    {
      const std::lock_guard lock(mutex_);
      PipelineView ended = run_->view();
      add_counts(ended, last_view_);
      last_view_ = std::move(ended);
      last_view_.phase = again         ? SourcePhase::kReconnecting
                         : status.ok() ? SourcePhase::kStopped
                                       : SourcePhase::kFailed;
      // What is tried again is among the troubles until it has passed.
      status_ = again ? absl::OkStatus() : status;
      if (again) ++restarts_;
      run = std::move(run_);
    }
    run.reset();  // closes connections, releases locks
    if (position_is_void) {
      if (absl::Status removed = remove_position(config_); !removed.ok()) {
        log_warn("pipeline", "the slot is dropped, but its stored position could not be removed",
                 {{"pipeline", config_.name}, {"error", std::string(removed.message())}});
      }
    }
    if (!again) break;
    log_warn("pipeline", "starting again",
             {{"pipeline", config_.name}, {"error", std::string(status.message())}});
    while (monotonic_us() < wait_until_us && !stop_requested_.load(std::memory_order_acquire)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  ended_.store(true, std::memory_order_release);
}

PipelineView Pipeline::view() const {
  const std::lock_guard lock(mutex_);
  PipelineView view = run_ != nullptr ? run_->view() : last_view_;
  if (run_ != nullptr) add_counts(view, last_view_);
  view.name = config_.name;
  view.restarts = restarts_;
  const Troubles::View troubles = troubles_.view();
  view.last_error = status_.ok() ? troubles.current : status_;
  view.last_error_us = view.last_error.ok() ? 0 : troubles.current_us;
  view.errors = troubles.counts;
  return view;
}

}  // namespace millrace
