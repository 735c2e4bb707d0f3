// SPDX-License-Identifier: Apache-2.0
// Servers that are not the one that was read before, or not any more: the product must find out by itself,
// and say so before it publishes anything of theirs.
#pragma once
#include <cstdint>
#include <vector>

#include "base/reason_code.h"
#include "sim/postgres/model_postgres.h"
#include "source/postgres/stream/position.h"

namespace millrace::sim {

/// Changes the server. @param delivered  what the newest checkpoint holds.
/// @return what the product may stop with; empty: this seed's change was not possible here.
std::vector<ReasonCode> begin_another_history(std::uint64_t seed, ModelPostgres& server, Database& database,
                                              const postgres::LogPosition& delivered);

}  // namespace millrace::sim
