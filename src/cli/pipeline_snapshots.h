// SPDX-License-Identifier: Apache-2.0
// What the control pages show of pipelines, from what pipelines say of themselves.
#pragma once
#include <vector>

#include "config/config.h"
#include "control/pipeline_snapshot.h"
#include "pipeline/pipeline.h"

namespace millrace::cli {

std::vector<control::PipelineSnapshot> pipeline_snapshots(const ProcessConfig& config,
                                                          const std::vector<PipelineView>& views);

}  // namespace millrace::cli
