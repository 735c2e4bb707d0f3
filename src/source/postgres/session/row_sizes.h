// SPDX-License-Identifier: Apache-2.0
// How large the rows of captured tables are, for what has to take them.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace millrace::postgres {

struct TableRows {
  std::string schema;
  std::string name;                    ///< As its events are named.
  std::int64_t average_row_bytes = 0;  ///< On the server's disk, compressed values as they are; 0: not known.
  bool has_key = true;                 ///< A primary key or a unique index: events have a key.
};

/// By the catalog's statistics; no row is read. Connects.
absl::StatusOr<std::vector<TableRows>> captured_rows(const PipelineConfig& config);

}  // namespace millrace::postgres
