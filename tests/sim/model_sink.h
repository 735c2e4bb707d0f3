// SPDX-License-Identifier: Apache-2.0
// A model of where records go: partitions that take records in order, late, with acknowledgements that come
// late, in another order, or not at all.
//
// Two kinds. `exactly_once` behaves as the file sink: after a restart what stands behind the checkpoint is
// compared and skipped when it comes again, so each record stands there once. Without it the sink behaves as
// a broker without resume: what stands behind the newest checkpoint may come again, in order, and nothing
// else may.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "sim/downstream.h"
#include "sim/random.h"

namespace millrace::sim {

struct ModelSinkOptions {
  bool exactly_once = true;
  bool in_order = true;  ///< Pieces come back in the order they were submitted.
  /// A written record is durable only after a sync, which comes at flush() or after this time. 0: at once.
  std::int64_t sync_interval_us = 0;
  std::int64_t write_us = 100;  ///< A batch of records takes up to this long.
  std::int64_t ack_us = 100;    ///< An acknowledgement takes up to this long.
  std::size_t pieces_max = 64;  ///< ready() is false with so many under way.
};

class ModelSink final : public RecordSink, public Downstream {
 public:
  ModelSink(ModelSinkOptions options, const Ledger& ledger, const ModelClock& clock, Verdict& verdict,
            std::uint64_t seed);

  absl::StatusOr<SinkResume> open(std::string_view state, bool discard_tail) override;
  bool ready() const noexcept override;
  void submit(Piece* piece) override;
  Piece* poll(std::int64_t now_us) override;
  absl::Status status() const override { return status_; }
  void pass(const Piece& piece, std::size_t mark) override;
  std::string state() const override;
  void flush() override { flush_ = true; }
  std::int64_t next_deadline_us() const noexcept override;

  RecordSink& connect() override { return *this; }
  /// With `power_cut` what was not synced may be gone.
  void disconnect(bool power_cut) override;
  bool apply(const Step& step) override;
  bool step(std::int64_t) override { return false; }
  std::int64_t next_event_us() const override { return kNever; }
  std::int64_t away_until_us() const override { return 0; }
  std::int64_t lasts_until_us() const override { return 0; }
  void heal() override {}
  std::size_t durable(std::size_t partition) const override;
  bool holds_everything() const override;
  bool excuses(const absl::Status& status) const override;
  bool over() const override { return false; }
  std::string describe() const override;
  std::size_t pieces_under_way() const override { return pending_.size(); }

 private:
  /// All counts are of expected records, from the first on.
  struct Partition {
    std::size_t covered = 0;    ///< Stand there.
    std::size_t synced = 0;     ///< And survive a power cut.
    std::size_t submitted = 0;  ///< Where this process is.
    std::size_t written = 0;    ///< Of those, how far they stand there.
    std::size_t settled = 0;    ///< Of those, how far they are durable.
    std::size_t passed = 0;     ///< At the last passed mark.
  };
  struct Pending {
    Piece* piece;
    std::vector<std::size_t> ends;  ///< By partition, in `submitted`.
    std::int64_t acknowledged_us;   ///< kNever: not durable yet.
    std::int64_t delay_us;          ///< A retry that the acknowledgement comes after.
  };
  void move_on(std::int64_t now_us);
  void sync();
  void take(const Record& record);
  /// Acknowledgements of what is under way are lost: they come after a retry, much later.
  void lose_acknowledgements();

  const ModelSinkOptions options_;
  const Ledger& ledger_;
  const ModelClock& clock_;
  Verdict& verdict_;
  Random random_;

  std::vector<Partition> partitions_;
  // Of the running process.
  std::deque<Pending> pending_;
  std::deque<std::vector<std::size_t>> marks_;  ///< Ends of the marks that have not passed.
  std::uint64_t marks_made_ = 0;
  std::uint64_t marks_passed_ = 0;
  absl::Status status_;
  bool flush_ = false;
  std::int64_t next_write_us_ = 0;
  std::int64_t next_sync_us_ = kNever;
  std::int64_t stalled_until_us_ = 0;
  bool fail_next_ = false;
  bool fail_open_ = false;
  bool may_fail_ = false;
};

}  // namespace millrace::sim
