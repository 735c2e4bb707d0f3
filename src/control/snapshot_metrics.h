// SPDX-License-Identifier: Apache-2.0
// Sets the gauges that follow from a pipeline's snapshot. Counters and histograms are not among them: their
// owners write those as things happen.
#pragma once
#include "base/metrics.h"
#include "control/pipeline_history.h"
#include "control/pipeline_snapshot.h"

namespace millrace::control {

/// Call before the registry is read, from one thread.
void publish(metrics::Registry& registry, const PipelineSnapshot& pipeline, const PipelineHistory& history,
             bool healthy, Now now);

}  // namespace millrace::control
