// SPDX-License-Identifier: Apache-2.0
// A connection that has imported an exported snapshot and knows what is to be copied under it.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/postgres/edge.h"
#include "source/postgres/session/catalog.h"
#include "source/postgres/session/takeover.h"

namespace millrace::postgres {

/// SnapshotOpened before its socket is a stream. The connection is in the snapshot's transaction.
struct SnapshotReady {
  std::vector<SnapshotTable> tables;
  std::uint64_t transaction_id = 0;
  TakenSocket socket;
};

/// The rows and columns the publication sends, as COPY ... TO STDOUT in text format.
std::string copy_statement(const PublishedTable& table);

/// Imports the snapshot, lists and describes the captured tables in it, takes the connection over.
/// @return SNAPSHOT_FAILED (retryable) when the snapshot has gone, PERMISSION_DENIED with the GRANTs that are
/// missing and
///         for tables whose rows row-level security would hide.
absl::StatusOr<SnapshotReady> open_snapshot(const PipelineConfig& config, std::string_view snapshot_name,
                                            const Interrupt& interrupt);

}  // namespace millrace::postgres
