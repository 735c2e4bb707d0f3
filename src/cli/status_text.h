// SPDX-License-Identifier: Apache-2.0
// The JSON of /status for a person to read.
#pragma once
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace millrace::cli {

struct StatusText {
  std::string text;
  bool healthy = true;  ///< Every pipeline is.
};

/// @return InvalidArgument when `json` is not what /status answers.
absl::StatusOr<StatusText> status_text(std::string_view json);

}  // namespace millrace::cli
