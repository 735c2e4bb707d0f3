// SPDX-License-Identifier: Apache-2.0
// /status and /healthz as JSON: what `millrace status` shows and scripts read.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "control/health_policy.h"
#include "control/pipeline_history.h"
#include "control/pipeline_snapshot.h"

namespace millrace::control {

/// @param health  one per pipeline, in the same order.
std::string status_json(std::string_view version, std::int64_t uptime_ms,
                        std::span<const PipelineSnapshot> pipelines, std::span<const PipelineHealth> health,
                        const PipelineHistory& history, Now now);

/// {"healthy":false,"pipelines":[{"name":"orders","healthy":false,"phase":"streaming","reasons":["..."]}]}
std::string health_json(std::span<const PipelineHealth> health);

/// {"ready":false,"pipelines":[{"name":"orders","ready":false,"phase":"connecting"}]}
std::string ready_json(std::span<const PipelineHealth> health);

/// Streaming or snapshotting.
bool is_ready(std::string_view phase) noexcept;

/// All of them, and at least one.
bool is_ready(std::span<const PipelineHealth> health) noexcept;

}  // namespace millrace::control
