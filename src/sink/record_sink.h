// SPDX-License-Identifier: Apache-2.0
// The edge behind which records leave: Kafka, a file, nothing, or a model in simulation. Used per piece,
// never per row.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "change/record.h"

namespace millrace {

/// Where a sink stands when a pipeline starts.
struct SinkResume {
  std::uint64_t tail_records = 0;  ///< Records behind the checkpoint's state that stand there already; they
                                   ///< are skipped (and compared) when they come again.
};

/// A place that takes encoded records in source order. Owner: the order stage's thread; all calls come from
/// it. A sink may use threads of its own, but hands results back only through poll().
class RecordSink {
 public:
  virtual ~RecordSink() = default;

  /// Opens the output behind `state` (as state() returned it when the checkpoint was written; empty: a new
  /// output). What stands behind it is cut to whole records and kept to be compared, or, with `discard_tail`,
  /// removed (a restarted snapshot). May block: nothing streams yet.
  virtual absl::StatusOr<SinkResume> open(std::string_view state, bool discard_tail) = 0;

  /// True when submit() may be called.
  virtual bool ready() const noexcept = 0;

  /// Takes a piece. It stays the sink's until poll() hands it back. Pieces come in source order.
  virtual void submit(Piece* piece) = 0;

  /// Moves the sink's work on. Returns the next piece of which every record is durable by the sink's policy,
  /// or nullptr. Pieces may come back in another order than submitted.
  virtual Piece* poll(std::int64_t now_us) = 0;

  /// The first failure; OK while all is well. After a failure no piece comes back from poll().
  virtual absl::Status status() const = 0;

  /// The watermark has passed piece.marks[mark]: state() covers it from now on. Called in order.
  virtual void pass(const Piece& piece, std::size_t mark) = 0;

  /// What a checkpoint must hold so that open() continues behind the last passed mark: JSON, the sink's own.
  virtual std::string state() const = 0;

  /// Asks for everything submitted to become durable now (drain, checkpoint, shutdown); poll() reports as
  /// usual.
  virtual void flush() = 0;

  /// The end: from now on no memory of a piece is touched, delivered or not, and nothing else is called.
  /// Before pieces are destroyed; may take a moment.
  virtual void let_go() {}

  /// When poll() wants to be called again without any new event, in clock microseconds; INT64_MAX: never.
  virtual std::int64_t next_deadline_us() const noexcept = 0;
};

}  // namespace millrace
