// SPDX-License-Identifier: Apache-2.0
// A table's shape at one point of the log: what rows are decoded and encoded by.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/change/schema.h"

namespace millrace {

/// How a source's wire value of a column becomes a format's value. Only the source that made it knows what
/// `op` and the arguments mean; formats hand it back unread. Decided when the relation version is made, never
/// per row.
struct Conversion {
  std::uint16_t op = 0;
  std::int32_t argument = 0;  ///< Such as a scale or a precision.
  std::int32_t argument2 = 0;
  std::shared_ptr<const Conversion> element;  ///< Arrays: of the element.
};

/// How a value that the log does not carry (an unchanged TOAST value) shows in events. Contract 2.5.
enum class Unavailable : std::uint8_t {
  kMarker,      ///< The placeholder, in the form of the column's schema.
  kMarkerPair,  ///< hstore: the placeholder as only key and its value.
  kNull,        ///< This type has no marker.
};

struct Column {
  std::string name;
  Schema schema;  ///< What consumers see, `optional` included.
  Conversion conversion;
  bool nullable = true;
  bool captured = true;  ///< false: its type is not supported, the column is left out of events.
  Unavailable unavailable = Unavailable::kMarker;
  /// Default in the source's text notation; null fields print it (contract 1.11), and schemas carry it.
  std::optional<std::string> default_text;
};

/// Where records of a relation go. Lives as long as the pipeline, so records may point to it.
struct Topic {
  std::string name;
  std::uint32_t id = 0;  ///< Dense, in order of first use.
};

/// One version of a table's shape. Immutable and shared: batches hold the versions their rows need.
struct Relation {
  std::uint64_t id = 0;       ///< The source's number for the table (PostgreSQL: OID).
  std::uint32_t version = 0;  ///< Dense per pipeline; a new one for every change of shape.
  std::string database;
  std::string schema;
  std::string table;
  std::vector<Column> columns;     ///< In wire order: a tuple's n-th field is columns[n].
  std::vector<std::uint16_t> key;  ///< Indices into columns, in key order; empty: no key.
  /// True where an old tuple holds only the key (replica identity default or index): other columns are
  /// unknown.
  bool old_tuple_is_key = true;
  bool captured = true;          ///< false: filtered by the include and exclude lists.
  const Topic* topic = nullptr;  ///< Set when captured.
};
using RelationPtr = std::shared_ptr<const Relation>;

}  // namespace millrace
