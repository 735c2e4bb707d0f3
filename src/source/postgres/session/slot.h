// SPDX-License-Identifier: Apache-2.0
// The server's cursor in its log: read, create, drop.
#pragma once
#include <absl/status/statusor.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "source/postgres/edge.h"
#include "source/postgres/session/connection.h"

namespace millrace::postgres {

/// nullopt: no slot of that name. On any kind of connection.
absl::StatusOr<std::optional<SlotFacts>> read_slot(Connection& connection, std::string_view name);

struct SlotWish {
  std::string name;
  bool temporary = false;
  bool export_snapshot = true;
  bool failover = false;  ///< 17 and newer, never for temporary slots and on standbys.
};
/// CREATE_REPLICATION_SLOT in the words of this server version.
std::string create_slot_command(const SlotWish& wish, int server_version);

/// Creates the slot on a replication connection, which then holds the exported snapshot until its next
/// command. The server waits for every transaction that is open now; whoever is waited for is logged, and
/// named in the error when `patience` ends. @param watch  another connection, to look who that is.
absl::StatusOr<SlotCreated> create_slot(Connection& replication, Connection& watch, const SlotWish& wish,
                                        std::chrono::milliseconds patience);

/// Who a slot's creation waits for: "process 4711 (alice, psql, idle in transaction since ...)"; empty:
/// nobody.
std::string blockers(Connection& connection);

/// Drops the slot; no slot is no error. Waits up to `patience` for our own walsender to leave it.
absl::Status drop_slot(Connection& connection, std::string_view name, std::chrono::milliseconds patience);

}  // namespace millrace::postgres
