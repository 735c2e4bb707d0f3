// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline_core.h"

#include <algorithm>

#include "base/check.h"

namespace millrace {

namespace {

std::vector<std::unique_ptr<WorkerRings>> make_rings(std::size_t workers, std::size_t batches,
                                                     std::size_t pieces) {
  std::vector<std::unique_ptr<WorkerRings>> rings;
  for (std::size_t i = 0; i < workers; ++i) rings.push_back(std::make_unique<WorkerRings>(batches, pieces));
  return rings;
}

std::vector<WorkerRings*> pointers(const std::vector<std::unique_ptr<WorkerRings>>& rings) {
  std::vector<WorkerRings*> out;
  for (const auto& ring : rings) out.push_back(ring.get());
  return out;
}

std::size_t pieces_per_worker(const PipelineCore::Options& options) {
  // Two at least: one at the sink, one being filled.
  return std::max<std::size_t>(
      2, options.memory.output_bytes / options.memory.chunk_bytes / options.worker_count);
}

OrderStage::Options order_options(const PipelineCore::Options& options) {
  OrderStage::Options order = options.order;
  order.pieces_per_worker = pieces_per_worker(options);
  return order;
}

}  // namespace

MemoryPlan MemoryPlan::cut(std::uint64_t limit_bytes, int held_percent) {
  MemoryPlan plan;
  // 256 KiB holds some 2,000 small rows and stays in the second-level cache; a small limit gets smaller
  // blocks.
  const std::size_t block = limit_bytes >= (64ULL << 20) ? 256 * 1024 : 64 * 1024;
  plan.slab_bytes = block;
  plan.chunk_bytes = block;
  plan.held_bytes = static_cast<std::size_t>(limit_bytes / 100 * static_cast<std::uint64_t>(held_percent));
  const std::size_t rest = static_cast<std::size_t>(limit_bytes) - plan.held_bytes;
  plan.receive_bytes = std::max(rest / 4, 4 * block);
  plan.output_bytes = std::max(rest - rest / 4, 4 * block);
  return plan;
}

PipelineCore::PipelineCore(Options options, const EncoderFactory& encoders, RecordSink& sink,
                           CheckpointStore& store, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      slabs_(options_.memory.slab_bytes, options_.memory.receive_bytes),
      batches_back_(options_.batch_count),
      rings_(make_rings(options_.worker_count, options_.batch_count, pieces_per_worker(options_))),
      sink_(sink),
      store_(store),
      order_(order_options(options_), pointers(rings_), batches_back_, sink, store, feedback_, clock) {
  for (std::size_t i = 0; i < options_.worker_count; ++i) {
    const auto index = static_cast<std::uint32_t>(i);
    workers_.push_back(std::make_unique<Worker>(index, encoders(index), *rings_[i], clock_,
                                                pieces_per_worker(options_), options_.memory.chunk_bytes));
  }
  for (std::size_t i = 0; i < options_.batch_count; ++i) {
    batches_.push_back(std::make_unique<Batch>());
    free_.push_back(batches_.back().get());
  }
}

PipelineCore::~PipelineCore() = default;

absl::Status PipelineCore::start(Source& source) {
  source_ = &source;
  absl::StatusOr<StoredCheckpoints> stored = store_.open();
  if (!stored.ok()) return stored.status();
  std::optional<SourceResume> resume;
  std::string sink_state;
  if (stored->newest) {
    resume = SourceResume{stored->newest->position, stored->newest->position.text.empty(),
                          stored->newest->source_identity};
    sink_state = stored->newest->sink_state;
  }
  // Rows of a snapshot that did not end come again from another snapshot, in another order: what stands there
  // goes.
  const bool discard_tail = resume && resume->snapshot_unfinished;
  if (const auto opened = sink_.open(sink_state, discard_tail); !opened.ok()) return opened.status();
  const Position from = resume ? resume->position : Position{};
  order_.start(source.make_fold(from), *stored);
  source.start(resume, stored->previous ? stored->previous->position : Position{});
  return absl::OkStatus();
}

void PipelineCore::recycle() {
  Batch* returned = nullptr;
  while (batches_back_.try_pop(returned)) {
    for (Slab* slab : returned->slabs) slabs_.release(slab);
    returned->clear();
    free_.push_back(returned);
  }
}

Batch* PipelineCore::take() {
  recycle();
  if (free_.empty()) return nullptr;
  Batch* batch = free_.back();
  free_.pop_back();
  return batch;
}

void PipelineCore::push(Batch* batch) {
  batch->number = next_number_++;
  WorkerRings& rings = *rings_[(batch->number - 1) % rings_.size()];
  const bool pushed = rings.in.try_push(batch);
  MILLRACE_CHECK(pushed, "the in ring has a place for every batch");
}

bool PipelineCore::ingest_step(std::int64_t now_us) {
  recycle();  // slabs of batches that are done are what the source may read into
  bool worked = false;
  const auto news = feedback_.take();
  if (news) {
    worked = true;
    if (news->drained) {
      source_->finish(news->told);
    } else {
      source_->durable(news->told);
    }
  }
  worked |= source_->step(now_us);
  // A server that was met again may have been promoted: no checkpoint may hold a position behind that with
  // the identity before it. So it is asked whenever a meeting may have been, before changes follow.
  const SourcePhase phase = source_->phase();
  if (!identity_known_ || phase == SourcePhase::kStarting || phase == SourcePhase::kReconnecting) {
    if (std::string identity = source_->identity(); !identity.empty()) {
      order_.set_source_identity(std::move(identity));
      identity_known_ = true;
    }
  }
  return worked;
}

std::int64_t PipelineCore::ingest_deadline_us() const { return source_->next_deadline_us(); }

void PipelineCore::request_stop(std::int64_t now_us) { source_->request_stop(now_us); }

}  // namespace millrace
