// SPDX-License-Identifier: Apache-2.0
// A disk for checkpoints: a write takes time, and a crash between may leave either the old or the new one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

#include "checkpoint/checkpoint_store.h"
#include "sim/model_clock.h"
#include "sim/random.h"
#include "sim/verdict.h"

namespace millrace::sim {

class ModelCheckpoints final : public CheckpointStore {
 public:
  ModelCheckpoints(const ModelClock& clock, Verdict& verdict, std::uint64_t seed, std::int64_t write_us)
      : clock_(clock), verdict_(verdict), random_(seed), write_us_(write_us) {}

  absl::StatusOr<StoredCheckpoints> open() override;
  void write(Checkpoint checkpoint) override;
  std::optional<absl::StatusOr<std::uint64_t>> poll() override;

  // What the scheduler does to it.
  /// The process died. A write under way has happened or not.
  void crash();
  /// The next crash damages the newest copy: its checksum no longer fits.
  void damage_at_crash() noexcept { damage_ = true; }
  void fail_next_write() noexcept { fail_next_ = true; }
  /// Another instance owns the checkpoint from now on: this process may not write it any more.
  void fence() noexcept { fenced_ = true; }
  void fail_next_open() noexcept { fail_open_ = true; }
  /// Somebody edited the newest checkpoint: its checksum fits, what the source reads of it does not.
  /// @return false when there is nothing to spoil yet.
  bool spoil(std::uint64_t seed);
  void stall_until(std::int64_t until_us) noexcept { stalled_until_us_ = until_us; }
  /// Where they are kept nobody answers before.
  void away_until(std::int64_t until_us) noexcept { away_until_us_ = until_us; }
  std::int64_t next_deadline_us() const noexcept {
    return pending_ ? std::max(due_us_, away_until_us_) : kNever;
  }

  /// What a start would find.
  const StoredCheckpoints& durable() const noexcept { return durable_; }

 private:
  void make_durable();

  const ModelClock& clock_;
  Verdict& verdict_;
  Random random_;
  const std::int64_t write_us_;
  StoredCheckpoints durable_;
  std::optional<Checkpoint> pending_;
  std::int64_t due_us_ = 0;
  std::int64_t stalled_until_us_ = 0;
  std::int64_t away_until_us_ = 0;
  bool damage_ = false;
  bool fail_next_ = false;
  bool fail_open_ = false;
  bool fenced_ = false;
};

}  // namespace millrace::sim
