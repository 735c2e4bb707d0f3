// SPDX-License-Identifier: Apache-2.0
// The control server as the program starts it: pages behind HTTP, sampled every second.
#pragma once
#include <absl/status/statusor.h>

#include <memory>

#include "base/metrics.h"
#include "control/control_pages.h"
#include "control/http_server.h"

namespace millrace::control {

/// @param registry, snapshots  outlive the server; `snapshots` is called on its thread, from before this
/// returns.
/// @return as HttpServer::start.
absl::StatusOr<std::unique_ptr<HttpServer>> start_control_server(const HttpServerOptions& http,
                                                                 const ControlPagesOptions& pages,
                                                                 metrics::Registry& registry,
                                                                 SnapshotFunction snapshots);

/// The time of the system.
Now system_now();

}  // namespace millrace::control
