// SPDX-License-Identifier: Apache-2.0
// One run: steps the product's stages in seeded order over the models, lets things happen to it, and watches
// its promises. Then the faults end, and it must get everything done and stop in order.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/metrics.h"
#include "base/reason_code.h"
#include "pipeline/pipeline_core.h"
#include "sim/downstream.h"
#include "sim/model_checkpoints.h"
#include "sim/model_sink.h"
#include "sim/upstream.h"

namespace millrace::sim {

namespace {

constexpr std::int64_t kProgressUs =
    120'000'000;  // after the faults; checkpoints come every 20 s at the latest
constexpr std::int64_t kStopUs = 10'000'000;
constexpr std::uint64_t kTurnsMax = 2'000'000;

/// Longer than a stop may take: what is to be durable sooner must be flushed.
constexpr std::int64_t kLongSyncUs = 15'000'000;

ModelSinkOptions sink_options(Random& random, const Scenario& scenario) {
  ModelSinkOptions options;
  options.exactly_once = scenario.exactly_once;
  options.in_order = scenario.exactly_once ? random.percent(70) : random.percent(20);
  const std::int64_t syncs[] = {0, 0, 3'000, 100'000, kLongSyncUs};
  options.sync_interval_us = random.pick(syncs);
  options.write_us = random.between(1, 5'000);
  options.ack_us = random.between(1, 20'000);
  options.pieces_max = options.sync_interval_us == kLongSyncUs ? 1000 : 1 + random.below(64);
  return options;
}

class World {
 public:
  World(const Scenario& scenario, const std::vector<std::size_t>& keep)
      : scenario_(scenario),
        random_(scenario.seed ^ 0x574F524C44ULL),
        ledger_(scenario.partitions, scenario.topics),
        checkpoints_(clock_, verdict_, random_.next(), random_.between(0, 10'000)),
        sink_options_(sink_options(random_, scenario)),
        downstream_(make_downstream()),
        around_{scenario_, clock_, verdict_, ledger_, *downstream_, checkpoints_},
        upstream_(scenario.source == SourceKind::kGtid ? make_gtid_upstream(around_)
                                                       : make_postgres_upstream(around_)),
        options_(make_options()) {
    for (const std::size_t index : keep) {
      if (index < scenario.steps.size()) steps_.push_back(scenario.steps[index]);
    }
    start_us_ = clock_.monotonic_us();
  }

  Outcome run() {
    start_process();
    while (!verdict_.failed() && !done_) turn();
    if (core_ != nullptr) kill_process();
    outcome_.failure = verdict_.failure();
    outcome_.records = ledger_.size();
    outcome_.simulated_us = clock_.monotonic_us() - start_us_;
    return outcome_;
  }

 private:
  std::unique_ptr<Downstream> make_downstream() {
    const std::uint64_t seed = random_.next();
    if (scenario_.output == OutputKind::kKafka)
      return make_kafka_downstream({scenario_, clock_, verdict_, ledger_, checkpoints_});
    return std::make_unique<ModelSink>(sink_options_, ledger_, clock_, verdict_, seed);
  }

  PipelineCore::Options make_options() {
    PipelineCore::Options options;
    options.order.pipeline = "sim";
    const std::int64_t intervals[] = {1'000, 20'000, 200'000, 20'000'000};
    options.order.checkpoint_interval_us = random_.pick(intervals);
    options.worker_count = std::max<std::size_t>(1, scenario_.workers);
    const std::size_t batches[] = {2, 3, 8, 64};
    options.batch_count = random_.pick(batches);
    const std::size_t chunks[] = {64, 300, 1024, 16384};
    options.memory.chunk_bytes = random_.pick(chunks);
    options.memory.output_bytes = options.memory.chunk_bytes * (1 + random_.below(12));
    if (sink_options_.sync_interval_us == kLongSyncUs) {
      // Credits for all that may wait: with few, each sync would let only a few records pass.
      options.memory.chunk_bytes = 16384;
      options.memory.output_bytes = options.memory.chunk_bytes * 256 * options.worker_count;
    }
    upstream_->plan(options.memory);
    if (random_.percent(3) && sink_options_.sync_interval_us != kLongSyncUs) {
      options.memory = MemoryPlan::cut(random_.percent(50) ? 128U << 20 : 4U << 20, 20);
    }
    if (random_.percent(50)) options.order.sink_seconds = &sink_seconds_;
    return options;
  }

  // --- the product's process

  void start_process() {
    core_ = std::make_unique<PipelineCore>(
        options_, [this](std::uint32_t) { return upstream_->make_encoder(); }, downstream_->connect(),
        checkpoints_, clock_);
    source_ = &upstream_->connect(*core_);
    stopping_ = false;
    stages_idle_ = 0;
    started_ = false;
    const absl::Status status = core_->start(*source_);
    if (!status.ok()) return stopped_by_itself(status);
    started_ = true;
  }

  void kill_process(bool power_cut = false) {
    // Sources go first: they hold the core's memory.
    source_ = nullptr;
    upstream_->disconnect();
    core_.reset();
    checkpoints_.crash();
    downstream_->disconnect(power_cut);
    restart_at_us_ = clock_.monotonic_us() + random_.between(0, 100'000);
    ++outcome_.restarts;
  }

  void stopped_by_itself(const absl::Status& status) {
    ++outcome_.stops;
    const bool store = excused_.end() != std::find(excused_.begin(), excused_.end(), reason_of(status));
    if (!store && !upstream_->excuses(status) && !downstream_->excuses(status)) {
      verdict_.fail(concat("the pipeline stopped without a cause: ", reason_info(reason_of(status)).name,
                           ": ", std::string(status.message())));
    }
    if (upstream_->over() && upstream_->excuses(status)) done_ = true;
    if (downstream_->over() && downstream_->excuses(status)) done_ = true;
    if (spoiled_ && reason_of(status) == ReasonCode::kCheckpointCorrupt) done_ = true;
    // Other threads may turn once more before they hear of it.
    for (std::size_t i = 0; started_ && i < core_->worker_count(); ++i) (void)core_->worker_step(i);
    if (started_) (void)core_->order_step();
    if (started_) (void)core_->order_deadline_us();
    kill_process();
  }

  void look_at_process(std::int64_t now_us) {
    upstream_->check();
    const SlabPool& slabs = core_->slabs();
    // A message larger than the pool passes alone.
    if (slabs.used_bytes() > slabs.budget_bytes() + kOversizeBytes)
      verdict_.fail("receive memory exceeds its pool");
    for (std::size_t i = 0; i < core_->worker_count(); ++i) {
      if (!core_->worker(i).status().ok()) return stopped_by_itself(core_->worker(i).status());
    }
    if (!core_->order().status().ok()) return stopped_by_itself(core_->order().status());
    if (core_->finished()) {
      const absl::Status status = source_->status();
      if (!status.ok()) return stopped_by_itself(status);
      return ended_in_order(now_us);
    }
    if (stopping_ && now_us - patience_began_us() > kStopUs) {
      if (healed_) verdict_.fail(concat("a stop took more than 10 s: ", state()));
      kill_process();
    }
  }

  void ended_in_order(std::int64_t now_us) {
    const bool last = (healed_ && upstream_->settled()) || upstream_->ends_with_a_stop();
    const std::size_t in_flight = core_->order().in_flight();
    (void)core_->ingest_step(now_us);
    if (in_flight != 0 || downstream_->pieces_under_way() != 0)
      verdict_.fail("pieces are out after an orderly stop");
    if (core_->batches_under_way() != 0) verdict_.fail("batches are out after an orderly stop");
    source_ = nullptr;
    upstream_->disconnect();
    if (core_->slabs().used_bytes() != 0) verdict_.fail("receive memory is out after an orderly stop");
    core_.reset();
    checkpoints_.crash();
    downstream_->disconnect(false);
    restart_at_us_ = clock_.monotonic_us() + random_.between(0, 50'000);
    if (last) done_ = true;
  }

  void request_stop() {
    if (core_ == nullptr || stopping_) return;
    stopping_ = true;
    stop_began_us_ = clock_.monotonic_us();
    core_->request_stop(stop_began_us_);
    if (random_.percent(20)) core_->request_stop(stop_began_us_);  // an impatient operator
    stages_idle_ = 0;
  }

  // --- what happens to it

  void apply(const Step& step) {
    Random random(step.seed);
    const std::int64_t now_us = clock_.monotonic_us();
    stages_idle_ = 0;
    switch (step.kind) {
      case StepKind::kCrash:
      case StepKind::kPowerCut:
        if (core_ != nullptr) kill_process(step.kind == StepKind::kPowerCut);
        return;
      case StepKind::kStop:
        return request_stop();
      case StepKind::kStallCheckpoints:
        return checkpoints_.stall_until(now_us + random.between(1'000, 1'000'000));
      case StepKind::kFailCheckpoint:
        excused_.push_back(ReasonCode::kCheckpointWriteFailed);
        return checkpoints_.fail_next_write();
      case StepKind::kLockCheckpoint:
        excused_.push_back(ReasonCode::kCheckpointLocked);
        return checkpoints_.fail_next_open();
      case StepKind::kSpoilCheckpoint:
        // Between two processes: a running one does not read it again.
        if (core_ != nullptr) kill_process();
        if (spoiled_ || !checkpoints_.spoil(step.seed)) return;
        spoiled_ = true;
        excused_.push_back(ReasonCode::kCheckpointCorrupt);
        return;
      case StepKind::kDamageCheckpoint:
        return checkpoints_.damage_at_crash();
      case StepKind::kFence:
        if (core_ == nullptr) return;
        excused_.push_back(ReasonCode::kFenced);
        return checkpoints_.fence();
      case StepKind::kLoseTopic:
        // Between two processes, as above.
        if (core_ != nullptr) kill_process();
        (void)downstream_->apply(step);
        return;
      default:
        if (!downstream_->apply(step)) upstream_->apply(step);
    }
  }

  void heal() {
    healed_ = true;
    healed_us_ = clock_.monotonic_us();
    stages_idle_ = 0;
    upstream_->heal();
    downstream_->heal();
  }

  // --- time

  void turn() {
    if (++outcome_.turns > kTurnsMax) return verdict_.fail("the run does not end: " + state());
    const std::int64_t now_us = clock_.monotonic_us();
    while (next_step_ < steps_.size() && start_us_ + steps_[next_step_].at_us <= now_us) {
      apply(steps_[next_step_++]);
      if (verdict_.failed()) return;
    }
    if (!healed_ && next_step_ == steps_.size() && now_us >= quiet_until_us()) heal();
    if (core_ == nullptr && now_us >= restart_at_us_ && !done_) start_process();
    if (scenario_.checkpoints_in_kafka) checkpoints_.away_until(downstream_->away_until_us());
    bool worked = step_something(now_us);
    if (core_ != nullptr) look_at_process(now_us);
    if (healed_ && !done_) after_faults(now_us);
    if (worked) {
      stages_idle_ = 0;
      clock_.advance_to(now_us + random_.between(0, 60));
    } else if (++stages_idle_ > idle_rounds()) {
      sleep(now_us);
    }
  }

  /// Every stage says that there is nothing to do: on to the next moment that somebody waits for.
  void sleep(std::int64_t now_us) {
    struct Wait {
      const char* who;
      std::int64_t until_us;
    };
    std::vector<Wait> waits = {
        {"the database", upstream_->next_deadline_us()},
        // What comes when everything is drained is for nobody.
        {"the output", core_ != nullptr && core_->order().drained() ? kNever : downstream_->next_event_us()},
        {"the next step", next_step_ < steps_.size() ? start_us_ + steps_[next_step_].at_us : kNever},
        {"the end of the faults", healed_ || next_step_ < steps_.size() ? kNever : quiet_until_us()}};
    if (core_ == nullptr) {
      waits.push_back({"the start", restart_at_us_});
    } else {
      if (healed_ && now_us < healed_us_ + extra_us_)
        waits.push_back({"the quiet time", healed_us_ + extra_us_});
      waits.push_back({"ingest", core_->ingest_deadline_us()});
      waits.push_back({"the order stage", core_->order_deadline_us()});
      waits.push_back({"the checkpoint", checkpoints_.next_deadline_us()});
      if (stopping_) waits.push_back({"the end of patience", patience_began_us() + kStopUs + 1});
    }
    const Wait& first = *std::min_element(
        waits.begin(), waits.end(), [](const Wait& a, const Wait& b) { return a.until_us < b.until_us; });
    const std::int64_t deadline = first.until_us;
    // Whoever names a moment acts when it comes; else the product's loop would spin.
    spins_ = deadline <= now_us ? spins_ + 1 : 0;
    if (spins_ > kSpinsMax) {
      verdict_.fail(concat("what ", first.who, " waits for passed ", now_us - deadline,
                           " us ago, and it does not act: ", state()));
    }
    if (deadline == kNever) {
      verdict_.fail("everybody sleeps, and nobody will wake: " + state());
      return;
    }
    clock_.advance_to(std::max(deadline, now_us + 1));
    stages_idle_ = 0;
    swept_ = 0;
  }

  /// A stop takes its time from when it can.
  std::int64_t patience_began_us() const {
    return healed_ ? std::max(stop_began_us_, healed_us_) : stop_began_us_;
  }

  std::int64_t quiet_until_us() const {
    return std::max(start_us_ + quiet_us_, downstream_->lasts_until_us());
  }

  std::size_t idle_rounds() const { return core_ == nullptr ? 1 : core_->worker_count() + 3; }

  bool step_something(std::int64_t now_us) {
    if (core_ == nullptr) return step_surroundings(now_us);
    const std::size_t workers = core_->worker_count();
    // Once something was idle, everybody is asked in turn; before, in any order.
    const std::size_t stages = workers + 3;
    const std::size_t stage = stages_idle_ > 0 ? swept_++ % stages : random_.below(stages);
    if (stage == 0) return step_surroundings(now_us);
    if (scenario_.workers == 0) {
      bool worked = core_->ingest_step(now_us);
      worked |= core_->worker_step(0);
      return core_->order_step() || worked;
    }
    if (stage == 1) return core_->ingest_step(now_us);
    if (stage == 2) return core_->order_step();
    return core_->worker_step(stage - 3);
  }

  bool step_surroundings(std::int64_t now_us) {
    const bool worked = upstream_->step(now_us);
    return downstream_->step(now_us) || worked;
  }

  void after_faults(std::int64_t now_us) {
    if (stopping_ || core_ == nullptr) return;
    if (upstream_->settled() && now_us >= healed_us_ + extra_us_) return request_stop();
    if (now_us - healed_us_ > kProgressUs) {
      verdict_.fail(concat(upstream_->over()     ? "another history was accepted: "
                           : downstream_->over() ? "a lost topic was accepted: "
                                                 : "no progress after the faults: ",
                           state()));
    }
  }

  std::string state() const {
    std::string text = concat(upstream_->state(), ", ", downstream_->describe());
    if (core_ == nullptr) return text + ", no process";
    return concat(text, ", ", core_->order().in_flight(), " pieces in flight, ", core_->batches_under_way(),
                  " of ", options_.batch_count, " batches under way, receive memory ",
                  core_->slabs().used_bytes(), " of ", core_->slabs().budget_bytes(), ", ",
                  core_->worker_count(), " workers", stopping_ ? ", stopping" : "");
  }

  static constexpr std::uint64_t kSpinsMax = 20;
  static constexpr std::size_t kOversizeBytes =
      80 * 1024;  // a row of the largest size, received and rewritten

  const Scenario& scenario_;
  Random random_;
  ModelClock clock_;
  Verdict verdict_;
  Ledger ledger_;
  ModelCheckpoints checkpoints_;
  const ModelSinkOptions sink_options_;
  std::unique_ptr<Downstream> downstream_;
  Surroundings around_;
  std::unique_ptr<Upstream> upstream_;
  const double bounds_[3] = {0.001, 0.01, 0.1};
  metrics::Histogram sink_seconds_{bounds_};
  const PipelineCore::Options options_;
  std::vector<Step> steps_;
  std::size_t next_step_ = 0;

  std::unique_ptr<PipelineCore> core_;
  Source* source_ = nullptr;
  bool started_ = false;
  std::vector<ReasonCode> excused_;
  bool stopping_ = false;
  std::int64_t stop_began_us_ = 0;
  std::int64_t restart_at_us_ = 0;
  std::size_t stages_idle_ = 0;
  std::size_t swept_ = 0;
  std::uint64_t spins_ = 0;
  bool healed_ = false;
  bool done_ = false;
  bool spoiled_ = false;  ///< Only a stop by itself is right.
  std::int64_t start_us_ = 0;
  std::int64_t healed_us_ = 0;
  const std::int64_t quiet_us_ = 100'000;
  /// Some runs go on for a while with nothing to do.
  const std::int64_t extra_us_ = random_.percent(20) ? 15'000'000 : 0;
  Outcome outcome_;
};

}  // namespace

Outcome run(const Scenario& scenario, const std::vector<std::size_t>& keep) {
  return World(scenario, keep).run();
}

}  // namespace millrace::sim
