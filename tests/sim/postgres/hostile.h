// SPDX-License-Identifier: Apache-2.0
// What a server never sends: broken, misplaced and impossible messages. None of them is a row that could be
// published, so whatever the product makes of them must be a stop with a reason, or nothing.
#pragma once
#include <cstdint>
#include <string>

namespace millrace::sim {

/// Bytes for a connection that streams, between two messages.
/// @param inside  of a transaction: what would be believed there is not said.
std::string hostile_bytes(std::uint64_t seed, bool inside);
/// Bytes for a COPY, between two rows.
std::string hostile_row(std::uint64_t seed);

}  // namespace millrace::sim
