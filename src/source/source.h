// SPDX-License-Identifier: Apache-2.0
// The edge behind which changes enter: a server's replication stream, a snapshot, or a model in simulation.
// Called per turn of the loop, never per row. The core behind it never learns what a position means.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "change/batch.h"
#include "millrace/change/position.h"

namespace millrace {

/// Where cut batches go and empty ones come from. Owner: the ingest's thread.
class BatchOutlet {
 public:
  virtual ~BatchOutlet() = default;
  /// An empty batch, or nullptr when all are under way: stop reading. Slabs of returned batches have been
  /// released.
  virtual Batch* take() = 0;
  /// Numbers the batch and hands it on; always finds room, because batches are fewer than places.
  virtual void push(Batch* batch) = 0;
};

/// Turns the marks that the watermark has passed into a position. Made by a source, used by the order stage's
/// thread.
class PositionFold {
 public:
  virtual ~PositionFold() = default;
  virtual void apply(const PositionMark& mark) = 0;
  virtual Position position() const = 0;
};

/// What a source is doing, for people and health checks.
enum class SourcePhase : std::uint8_t {
  kStarting,
  kSnapshot,
  kStreaming,
  kReconnecting,
  kDraining,
  kStopped,
  kFailed
};
std::string_view to_string(SourcePhase phase) noexcept;

/// Where a pipeline continues, from its newest checkpoint.
struct SourceResume {
  Position position;                 ///< Empty: nothing was finished yet.
  bool snapshot_unfinished = false;  ///< The checkpoint was written before the snapshot ended.
  std::string identity;              ///< What identity() said then.
};

/// One input of a pipeline. Owner: the ingest's thread. No call blocks; time comes in.
class Source {
 public:
  virtual ~Source() = default;

  /// Begins. `resume` is where the pipeline continues (nullopt: a fresh start); `told` is what the server may
  /// be told already: the older checkpoint's position.
  virtual void start(const std::optional<SourceResume>& resume, const Position& told) = 0;

  /// One turn: takes what arrived, cuts batches while there are any, sends what is due. True when something
  /// was done.
  virtual bool step(std::int64_t now_us) = 0;

  /// When step() wants to be called though nothing arrives; INT64_MAX: never.
  virtual std::int64_t next_deadline_us() const = 0;

  /// Everything up to here is durable in every sink, and so are two checkpoints: the server may be told.
  virtual void durable(const Position& told) = 0;

  /// Stop reading at the next place that can be resumed exactly (at once, or at the end of a short
  /// transaction), and push a last batch with end_of_input.
  virtual void request_stop(std::int64_t now_us) = 0;

  /// Everything pushed has been drained and checkpointed: tell the server a last time, close. step() until
  /// finished().
  virtual void finish(const Position& told) = 0;

  virtual bool finished() const = 0;

  /// OK while running or after an orderly stop; else why the source ended. A failed source has pushed
  /// end_of_input.
  virtual absl::Status status() const = 0;

  virtual SourcePhase phase() const = 0;

  /// The fold that understands this source's marks, beginning at `from`.
  virtual std::unique_ptr<PositionFold> make_fold(const Position& from) const = 0;

  /// After an orderly end: the stored position leads nowhere any more, as was asked for. The next start
  /// begins anew.
  virtual bool position_is_void() const { return false; }

  /// JSON that names the source, for the checkpoint. Empty until the server has been met.
  virtual std::string identity() const = 0;
};

}  // namespace millrace
