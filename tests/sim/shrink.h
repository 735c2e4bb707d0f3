// SPDX-License-Identifier: Apache-2.0
// The shortest list of steps that still fails.
#pragma once
#include <cstddef>
#include <functional>
#include <vector>

namespace millrace::sim {

/// @param fails  runs the steps with these indices. Must be true for `steps`.
/// Takes away ever smaller parts as long as the rest still fails (delta debugging).
std::vector<std::size_t> shrink(std::vector<std::size_t> steps,
                                const std::function<bool(const std::vector<std::size_t>&)>& fails);

}  // namespace millrace::sim
