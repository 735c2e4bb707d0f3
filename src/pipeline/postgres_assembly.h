// SPDX-License-Identifier: Apache-2.0
// The registry's line for PostgreSQL: what a pipeline that reads it is put together from.
#pragma once
#include <functional>
#include <memory>

#include "config/config.h"
#include "format/batch_encoder.h"
#include "pipeline/pipeline.h"
#include "pipeline/pipeline_core.h"
#include "runtime/reactor.h"
#include "sink/record_sink.h"
#include "source/source.h"
#include "source/troubles.h"

namespace millrace {

/// A PostgreSQL source with its edges, and the encoder for its rows. Made before the core, connected to it
/// after.
class PostgresAssembly {
 public:
  PostgresAssembly(const PipelineConfig& config, const MemoryPlan& memory, Troubles& troubles);
  ~PostgresAssembly();

  std::unique_ptr<BatchEncoder> make_encoder();
  /// @param reactor  of the ingest's thread.
  void connect(PipelineCore& core, Reactor& reactor);
  Source& source();
  /// Any thread, once connected.
  void fill(PipelineView& view) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// What a sink has beside its options.
struct SinkSurroundings {
  std::function<bool()> stop_requested;
  std::size_t memory_bytes_max = 0;  ///< For what a sink allocates beside the pieces.
  std::function<void(const absl::Status&)> on_trouble;
  std::function<void(const KafkaView&)> on_statistics;
};

/// The sink that the configuration names, on the order stage's reactor.
std::unique_ptr<RecordSink> make_record_sink(const PipelineConfig& config, Reactor& reactor,
                                             SinkSurroundings surroundings);

}  // namespace millrace
