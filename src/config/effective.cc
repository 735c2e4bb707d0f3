// SPDX-License-Identifier: Apache-2.0
// What options that say "auto" or "a share" stand for.
#include "config/config.h"

#include <algorithm>

namespace millrace {

int effective_workers(const PipelineConfig& pipeline, int machine_cores) noexcept {
  if (pipeline.workers >= 0) return pipeline.workers;
  if (machine_cores <= 2) return 0;  // one thread does everything: hand-overs would cost more than they free
  return std::min(machine_cores - 2, 8);  // ingest and order stage have a core each
}

std::uint64_t pipeline_memory_bytes(const ProcessConfig& process) noexcept {
  return process.memory_limit_bytes / std::max<std::size_t>(process.pipelines.size(), 1);
}

}  // namespace millrace
