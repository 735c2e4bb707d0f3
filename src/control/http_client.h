// SPDX-License-Identifier: Apache-2.0
// One GET, blocking: what `millrace status` needs.
#pragma once
#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <string_view>

#include "control/http_message.h"

namespace millrace::control {

inline constexpr std::size_t kHttpBodyMax = 64 * 1024 * 1024;

/// @param timeout  for all of it: connecting, asking, the whole answer.
/// @return the answer whatever its status; Unavailable when nobody listens, DeadlineExceeded, or DataLoss
/// when what came is no HTTP answer or has more than kHttpBodyMax of body.
absl::StatusOr<HttpResponse> http_get(const Endpoint& endpoint, std::string_view target,
                                      std::chrono::milliseconds timeout);

}  // namespace millrace::control
