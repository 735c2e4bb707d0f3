// SPDX-License-Identifier: Apache-2.0
// The words of the environment variable MILLRACE_FAILPOINTS.
//
//   list   = [order *("," order)]
//   order  = failpoint "=" action ["@" pass]          pass: a number from 1; 1 when not given
//   action = "kill" | "error-once" | "error" | "hold:" milliseconds | "hold:" path
//
// A path begins with '/': the thread sleeps until a file of that name is there.
#pragma once
#include <absl/status/statusor.h>

#include <string_view>
#include <vector>

#include "base/failpoint.h"

namespace millrace::config {

/// @return InvalidArgument (CONFIG_INVALID) naming what is wrong, with the failpoint or action probably
/// meant.
absl::StatusOr<std::vector<FailpointOrder>> parse_failpoints(std::string_view text);

}  // namespace millrace::config
