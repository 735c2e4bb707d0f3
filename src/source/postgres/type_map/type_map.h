// SPDX-License-Identifier: Apache-2.0
// A table as pgoutput announces it, and as the catalog describes it, becomes a Relation: a schema for
// consumers and a conversion for every column.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/change/relation.h"
#include "millrace/source/postgres/relation.h"
#include "source/postgres/catalog_types.h"

namespace millrace::postgres {

struct TypeMapOptions {
  std::string database;
  int money_fraction_digits = 2;  ///< money.fraction.digits
};

/// A relation without version, topic and captured, which belong to the stream, and what an operator should
/// know.
struct MappedRelation {
  Relation relation;
  std::vector<std::string> warnings;  ///< One line each: columns left out, defaults not understood.
};

/// Maps the table that a Relation message announces.
///
/// The message rules: its columns, their types and its place in the log. The catalog is read later and may
/// show another shape. What it says of a column (NOT NULL, default) counts where name and type agree, else
/// the column is nullable and has no default. The key is the catalog's, as long as its columns are announced
/// and, under replica identity default, the message marks the same ones; else the marked columns are the key.
/// Source: debezium-contract 1.4, 1.5, 2.9 to 2.12.
MappedRelation map_relation(const RelationView& announced, const TableDescription& described,
                            const TypeMapOptions& options);

/// Maps a table for its snapshot, from the catalog alone. The relation equals the one that map_relation()
/// makes from a message with the same columns, so that a row looks the same on both paths.
/// @param columns  names of the columns that rows will hold, in that order; each is in `described`.
MappedRelation map_snapshot_relation(const TableDescription& described, std::span<const std::string> columns,
                                     const TypeMapOptions& options);

/// A type's schema (not optional, no default) and conversion.
struct MappedType {
  Schema schema;
  Conversion conversion;
  Unavailable unavailable = Unavailable::kMarker;
};

using TypeDescriptions = std::map<std::uint32_t, TypeDescription>;

/// Maps a type with its modifier; nullopt when events have no form for it (debezium-contract 2.10). Domains
/// are followed to their base types. `types` describes what is not built in.
std::optional<MappedType> map_type(std::uint32_t oid, std::int32_t modifier, const TypeDescriptions& types,
                                   const TypeMapOptions& options);

}  // namespace millrace::postgres
