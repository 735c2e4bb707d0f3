// SPDX-License-Identifier: Apache-2.0
#include "control/control_server.h"

#include <chrono>
#include <utility>

namespace millrace::control {

Now system_now() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return {duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(),
          duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

absl::StatusOr<std::unique_ptr<HttpServer>> start_control_server(const HttpServerOptions& http,
                                                                 const ControlPagesOptions& pages,
                                                                 metrics::Registry& registry,
                                                                 SnapshotFunction snapshots) {
  const auto shown = std::make_shared<ControlPages>(pages, registry, std::move(snapshots), system_now);
  return HttpServer::start(
      http, [shown](const HttpRequest& request) { return shown->answer(request); },
      [shown] { shown->tick(); });
}

}  // namespace millrace::control
