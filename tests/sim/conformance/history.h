// SPDX-License-Identifier: Apache-2.0
// A history of the model database as SQL, and what the model server sends for it, for
// tests/sim/conformance/run.
#pragma once
#include <cstdint>
#include <string_view>

namespace millrace::sim {

/// Prints "client<tab>SQL" lines and, behind a line "messages", the model's replication stream in hex.
/// @param mode  whole, streamed, parallel or two_phase. @return 0, or 2 for another mode.
int print_history(std::uint64_t seed, std::string_view mode);

}  // namespace millrace::sim
