// SPDX-License-Identifier: Apache-2.0
// The set of tables the server sends: looked at, made and kept up to date as publication.autocreate.mode
// says.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "source/postgres/session/catalog.h"
#include "source/postgres/session/connection.h"

namespace millrace::postgres {

/// A row of pg_publication.
struct PublicationFacts {
  std::uint32_t oid = 0;
  std::string owner;
  bool all_tables = false;
  bool inserts = true;
  bool updates = true;
  bool deletes = true;
  bool truncates = true;
  bool via_partition_root = false;
};
absl::StatusOr<std::optional<PublicationFacts>> read_publication(Connection& connection,
                                                                 std::string_view name);

/// The statement that makes the publication the configuration asks for. Filtered: for exactly `tables`.
std::string create_publication_sql(const PipelineConfig& config, const std::vector<CatalogTable>& tables);

/// Finds or makes the publication before a slot is made or read: the server looks it up at the log position
/// it decodes.
/// @param slot_exists  a slot that is older than the publication cannot be read past what came between (an
/// error up to 17,
///                     silent loss from 18): PUBLICATION_SKIPPED then.
/// @return PUBLICATION_MISSING when it is absent and may not or cannot be made; the message has the SQL.
absl::StatusOr<PublicationFacts> ensure_publication(Connection& connection, const PipelineConfig& config,
                                                    bool in_recovery, bool slot_exists);

}  // namespace millrace::postgres
