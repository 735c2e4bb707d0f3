// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_checkpoint.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"
#include "checkpoint/kafka_claim.h"
#include "kafka/errors.h"
#include "runtime/clock.h"
#include "runtime/threads.h"

namespace millrace {

namespace {

constexpr std::int64_t kOpenMs = 30'000;
constexpr std::int64_t kWriteMs = 30'000;  // then the client is made anew
constexpr std::int64_t kReleaseMs = 2'000;
constexpr int kRetryMs = 1'000;
constexpr std::int64_t kComplainEveryUs = 30'000'000;

absl::Status check_pipeline(const StoredCheckpoints& stored, const KafkaCheckpointOptions& options) {
  if (!stored.newest || stored.newest->pipeline == options.pipeline) return absl::OkStatus();
  return reason_error(ReasonCode::kCheckpointMismatch,
                      concat("key ", options.pipeline, " of topic \"", options.topic,
                             "\" belongs to pipeline \"", stored.newest->pipeline, "\""));
}

/// @param taken  the pipeline was ours before it failed.
bool worth_another_try(ReasonCode reason, bool taken) {
  switch (reason) {
    // It worked before: the brokers may not know their users yet after a restart.
    case ReasonCode::kKafkaAuthFailed:
    case ReasonCode::kKafkaTlsFailed:
    // It was there before: KafkaClaim::take_again() makes it again.
    case ReasonCode::kTopicMissing:
      return true;
    // Of a commit it may also mean that the coordinator gave up a transaction that took too long:
    // KafkaClaim::take_again() finds out.
    case ReasonCode::kFenced:
      return taken;
    default:
      return kafka::may_pass(reason);
  }
}

class KafkaCheckpoint final : public CheckpointStore {
 public:
  KafkaCheckpoint(KafkaCheckpointOptions options, std::function<void()> wake)
      : options_(std::move(options)), wake_(std::move(wake)), claim_(options_) {}
  KafkaCheckpoint(const KafkaCheckpoint&) = delete;
  KafkaCheckpoint& operator=(const KafkaCheckpoint&) = delete;

  ~KafkaCheckpoint() override {
    {
      const std::lock_guard lock(mutex_);
      stop_at_us_.store(monotonic_us(), std::memory_order_release);
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  absl::StatusOr<StoredCheckpoints> open() override {
    const absl::StatusOr<CheckpointRecords> records =
        claim_.take(Patience::of_ms(kOpenMs, options_.stop_requested));
    if (!records.ok()) return records.status();
    absl::StatusOr<StoredCheckpoints> stored = records->checkpoints(options_.topic, claim_.keys());
    if (stored.ok()) {
      if (absl::Status status = check_pipeline(*stored, options_); !status.ok()) stored = status;
    }
    if (!stored.ok()) {
      release();
      return stored;
    }
    // A newest copy that is damaged is stepped over here: what is written next stands before the good one.
    if (stored->newest) newest_ = to_text(*stored->newest);
    thread_ = std::thread([this] { run(); });
    return stored;
  }

  void write(Checkpoint checkpoint) override {
    {
      const std::lock_guard lock(mutex_);
      job_ = std::move(checkpoint);
    }
    changed_.notify_one();
  }

  std::optional<absl::StatusOr<std::uint64_t>> poll() override {
    if (!has_outcome_.load(std::memory_order_acquire)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    has_outcome_.store(false, std::memory_order_relaxed);
    return std::exchange(outcome_, std::nullopt);
  }

 private:
  void run() {
    set_thread_name("mr-checkpoint");
    for (;;) {
      std::optional<Checkpoint> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(options_.heartbeat_ms),
                          [this] { return stopping() || job_.has_value(); });
        if (stopping() && !job_) break;
        job = std::exchange(job_, std::nullopt);
      }
      std::vector<KeyedText> records;
      std::string text;
      if (job) {
        text = to_text(*job);
        if (absl::Status status = check_size(text); !status.ok()) return report(std::move(status));
        records.push_back({claim_.keys().newest, text});
        // Before the first there is none: both copies are the same then.
        records.push_back({claim_.keys().previous, newest_.empty() ? text : newest_});
      }
      const absl::Status status = commit(records);
      if (!status.ok()) {
        // Interrupted by the end of this object: nobody asks any more.
        if (reason_of(status) != ReasonCode::kSignal) report(status);
        return;
      }
      if (job) {
        newest_ = std::move(text);
        report(job->generation);
      }
    }
    release();
  }

  /// So that the next instance need not wait for a sign of life. If it fails, it waits.
  void release() {
    if (!claim_.can_commit()) return;
    if (absl::Status status = claim_.release({}, Patience::of_ms(kReleaseMs)); !status.ok()) {
      log_debug("checkpoint", "the pipeline could not be released",
                {{"error", std::string(status.message())}});
    }
  }

  /// What has to stand in a topic that was made again.
  std::vector<KeyedText> copies() const {
    if (newest_.empty()) return {};
    return {{claim_.keys().newest, newest_}, {claim_.keys().previous, newest_}};
  }

  /// Until it is written. An error is one that trying again does not cure, or the end of this object.
  absl::Status commit(const std::vector<KeyedText>& records) {
    // What is under way when this object ends may still end well.
    const auto stopped = [this] { return stopping() && monotonic_us() > stop_at_us_ + kReleaseMs * 1000; };
    const std::int64_t began_us = monotonic_us();
    std::int64_t complain_at_us = began_us + kComplainEveryUs / 3;
    bool complained = false;
    bool failed = false;
    for (;;) {
      const Patience patience = Patience::of_ms(kWriteMs, stopped);
      const absl::StatusOr<bool> empty =
          claim_.can_commit() ? absl::StatusOr<bool>(false) : claim_.take_again(patience);
      const bool taken = empty.ok();
      absl::Status status =
          taken ? claim_.commit(*empty && records.empty() ? copies() : records, patience) : empty.status();
      if (status.ok()) {
        if (complained)
          log_info("checkpoint", "positions are stored again", {{"pipeline", options_.pipeline}});
        if (failed && options_.on_trouble) options_.on_trouble(status);
        return status;
      }
      if (!worth_another_try(reason_of(status), taken)) return status;
      failed = true;
      if (options_.on_trouble) options_.on_trouble(status);
      if (monotonic_us() >= complain_at_us) {
        complained = true;
        complain_at_us = monotonic_us() + kComplainEveryUs;
        log_warn("checkpoint", "the position could not be stored yet; trying again",
                 {{"pipeline", options_.pipeline},
                  {"seconds", (monotonic_us() - began_us) / 1'000'000},
                  {"error", std::string(status.message())}});
      }
      // An instance that is just taking over is given the time to say so in the topic.
      if (!stopping()) patience.sleep_ms(kRetryMs);
      if (stopping()) return reason_error(ReasonCode::kSignal, "stopped while the position was being stored");
    }
  }

  bool stopping() const { return stop_at_us_.load(std::memory_order_acquire) != 0; }

  void report(absl::StatusOr<std::uint64_t> outcome) {
    {
      const std::lock_guard lock(mutex_);
      outcome_ = std::move(outcome);
      has_outcome_.store(true, std::memory_order_release);
    }
    wake_();
  }

  const KafkaCheckpointOptions options_;
  const std::function<void()> wake_;
  KafkaClaim claim_;    // open()'s thread, then thread_
  std::string newest_;  // the same: the text that stands in the topic; empty: none
  std::mutex mutex_;    // guards the four below
  std::condition_variable changed_;
  std::optional<Checkpoint> job_;
  std::optional<absl::StatusOr<std::uint64_t>> outcome_;
  std::atomic<bool> has_outcome_{false};
  std::atomic<std::int64_t> stop_at_us_{0};
  std::thread thread_;
};

/// The claim of somebody who only changes what is stored: never from an owner that lives.
KafkaCheckpointOptions carefully(KafkaCheckpointOptions options) {
  options.conflict = CheckpointConflict::kStop;
  return options;
}

}  // namespace

KafkaCheckpointOptions kafka_checkpoint_options(const PipelineConfig& pipeline,
                                                std::function<bool()> stop_requested) {
  return {.kafka = pipeline.kafka,
          .topic = pipeline.checkpoint.topic,
          .pipeline = pipeline.name,
          .conflict = pipeline.checkpoint.conflict,
          .heartbeat_ms = pipeline.checkpoint.heartbeat_ms,
          .stop_requested = std::move(stop_requested)};
}

std::unique_ptr<CheckpointStore> make_kafka_checkpoint(KafkaCheckpointOptions options,
                                                       std::function<void()> wake) {
  return std::make_unique<KafkaCheckpoint>(std::move(options), std::move(wake));
}

absl::StatusOr<KafkaCheckpointView> read_kafka_checkpoint(const KafkaCheckpointOptions& options) {
  KafkaClaim claim(options);
  const absl::StatusOr<CheckpointRecords> records = claim.look(Patience::of_ms(kOpenMs));
  if (absl::IsNotFound(records.status())) return KafkaCheckpointView{};
  if (!records.ok()) return records.status();
  absl::StatusOr<StoredCheckpoints> stored = records->checkpoints(options.topic, claim.keys());
  if (!stored.ok()) return stored.status();
  return KafkaCheckpointView{*std::move(stored), records->known_owner()};
}

absl::Status overwrite_kafka_checkpoint(const KafkaCheckpointOptions& options, const Checkpoint& checkpoint) {
  KafkaClaim claim(carefully(options));
  const Patience patience = Patience::of_ms(kOpenMs);
  if (const auto taken = claim.take(patience); !taken.ok()) return taken.status();
  const std::string text = to_text(checkpoint);
  return claim.release({{claim.keys().newest, text}, {claim.keys().previous, text}},
                       Patience::of_ms(kOpenMs));
}

absl::Status remove_kafka_checkpoint(const KafkaCheckpointOptions& options) {
  KafkaClaim claim(carefully(options));
  // Nothing to forget where there is no topic.
  const absl::StatusOr<CheckpointRecords> records = claim.look(Patience::of_ms(kOpenMs));
  if (absl::IsNotFound(records.status())) return absl::OkStatus();
  if (!records.ok()) return records.status();
  if (const auto taken = claim.take(Patience::of_ms(kOpenMs)); !taken.ok()) return taken.status();
  return claim.erase(Patience::of_ms(kOpenMs));
}

}  // namespace millrace
