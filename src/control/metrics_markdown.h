// SPDX-License-Identifier: Apache-2.0
// docs/metrics.md, made from the declarations.
#pragma once
#include <string>

namespace millrace::control {

/// The whole file, as it is committed.
std::string metrics_markdown();

}  // namespace millrace::control
