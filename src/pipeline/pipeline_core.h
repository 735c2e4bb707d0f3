// SPDX-License-Identifier: Apache-2.0
// A pipeline without threads and without I/O: the stages, the rings between them, and who steps whom. Threads
// call the steps in production (pipeline.h), a seeded scheduler in simulation.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/spsc_ring.h"
#include "checkpoint/checkpoint_store.h"
#include "format/batch_encoder.h"
#include "pipeline/feedback.h"
#include "pipeline/order_stage.h"
#include "pipeline/worker.h"
#include "runtime/clock.h"
#include "runtime/slab.h"
#include "sink/record_sink.h"
#include "source/source.h"

namespace millrace {

/// How a pipeline's memory is cut. Upstream never borrows downstream's, or input could take what output needs
/// to drain.
struct MemoryPlan {
  std::size_t receive_bytes = 0;  ///< Slabs.
  std::size_t held_bytes = 0;     ///< Streamed transactions that are not committed yet.
  std::size_t output_bytes = 0;   ///< Chunks of all workers together.
  std::size_t slab_bytes = 0;
  std::size_t chunk_bytes = 0;

  /// @param limit_bytes  the pipeline's share of memory_limit; @param held_percent  of it for held
  /// transactions.
  static MemoryPlan cut(std::uint64_t limit_bytes, int held_percent);
};

class PipelineCore final : private BatchOutlet {
 public:
  struct Options {
    OrderStage::Options order;
    MemoryPlan memory;
    std::size_t worker_count = 1;  ///< Encoders; with `workers: 0` one, stepped by the same thread.
    std::size_t batch_count = 64;  ///< Batches under way at most.
  };
  using EncoderFactory = std::function<std::unique_ptr<BatchEncoder>(std::uint32_t worker)>;

  PipelineCore(Options options, const EncoderFactory& encoders, RecordSink& sink, CheckpointStore& store,
               const Clock& clock);
  ~PipelineCore() override;

  /// What the source is made with.
  BatchOutlet& outlet() noexcept { return *this; }
  SlabPool& slabs() noexcept { return slabs_; }

  /// Reads the checkpoint, opens the sink, starts the source. Blocks on the store and the sink only.
  absl::Status start(Source& source);

  // --- the steps; each belongs to one thread
  // ------------------------------------------------------------------------
  bool ingest_step(std::int64_t now_us);
  bool worker_step(std::size_t worker) { return workers_[worker]->step(); }
  bool order_step() { return order_.step(); }

  std::int64_t ingest_deadline_us() const;
  std::int64_t order_deadline_us() const { return order_.next_deadline_us(); }
  std::size_t worker_count() const noexcept { return workers_.size(); }

  /// Ingest's thread: stop reading, drain, checkpoint.
  void request_stop(std::int64_t now_us);

  /// Ingest's thread: the source has ended and everything is drained.
  bool finished() const { return source_->finished(); }

  const OrderStage& order() const noexcept { return order_; }
  const Worker& worker(std::size_t i) const noexcept { return *workers_[i]; }
  std::uint64_t batches_pushed() const noexcept { return next_number_ - 1; }
  /// What waits in the worker's rings, for metrics: any thread.
  const WorkerRings& rings(std::size_t worker) const noexcept { return *rings_[worker]; }
  /// Ingest's thread: batches that are neither free nor on their way back.
  std::size_t batches_under_way() const noexcept {
    return batches_.size() - free_.size() - batches_back_.size_approximate();
  }

 private:
  void recycle();
  Batch* take() override;
  void push(Batch* batch) override;

  Options options_;
  const Clock& clock_;
  SlabPool slabs_;
  Feedback feedback_;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<Batch*> free_;
  SpscRing<Batch*> batches_back_;  ///< order stage -> ingest
  std::vector<std::unique_ptr<WorkerRings>> rings_;
  std::vector<std::unique_ptr<Worker>> workers_;
  RecordSink& sink_;
  CheckpointStore& store_;
  OrderStage order_;
  Source* source_ = nullptr;
  std::uint64_t next_number_ = 1;
  bool identity_known_ = false;
};

}  // namespace millrace
