// SPDX-License-Identifier: Apache-2.0
// Requests to produce as no single client would send them, for a partition of the model and one of a real
// broker: conformance/run_kafka plays them to both.
#pragma once
#include <cstdint>

namespace millrace::sim {

/// Prints a line per request, and what the model answers:
///   producer epoch first_sequence records <tab> error offset
/// @return the exit status.
int print_broker_script(std::uint64_t seed);

}  // namespace millrace::sim
