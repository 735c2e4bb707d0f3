// SPDX-License-Identifier: Apache-2.0
// What the server is and where its log stands.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>

#include "source/postgres/edge.h"
#include "source/postgres/session/connection.h"

namespace millrace::postgres {

inline constexpr int kOldestServer = 130000;
inline constexpr int kNewestServerMajor = 18;  ///< Newer ones are read with a warning.

/// All of ServerFacts but the slot. Identity, timeline and history come over the replication connection.
absl::StatusOr<ServerFacts> read_facts(Connection& sql, Connection& replication);

/// Adds the slot and the end of the log, in this order: a slot is never ahead of the end.
absl::Status read_slot_and_end(Connection& sql, std::string_view slot_name, ServerFacts& facts);

/// Flush LSN; on a standby the replay LSN.
absl::StatusOr<std::uint64_t> read_end_of_wal(Connection& sql);

}  // namespace millrace::postgres
