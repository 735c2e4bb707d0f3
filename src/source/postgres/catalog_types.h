// SPDX-License-Identifier: Apache-2.0
// What the catalog tells about tables and types beyond the Relation message: keys, nullability, defaults,
// labels.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::postgres {

/// A row of pg_type with what a type map needs. Source: PostgreSQL docs, pg_type, pg_enum.
struct TypeDescription {
  std::uint32_t oid = 0;
  std::string schema;  ///< pg_catalog for built-in types.
  std::string name;
  char kind = 'b';       ///< typtype: b base, c composite, d domain, e enum, r range, m multirange, p pseudo
  char category = 'U';   ///< typcategory
  char delimiter = ',';  ///< typdelim: between array elements.
  std::uint32_t element = 0;        ///< typelem of a true array type (typcategory A), else 0.
  std::uint32_t base = 0;           ///< typbasetype of a domain, else 0.
  std::int32_t base_modifier = -1;  ///< typtypmod of a domain.
  std::vector<std::string> labels;  ///< Of an enum, in enumsortorder.
};

struct ColumnDescription {
  std::string name;
  std::uint32_t type = 0;
  std::int32_t type_modifier = -1;
  bool not_null = false;                          ///< attnotnull, or a NOT NULL domain.
  bool generated = false;                         ///< attgenerated <> ''
  bool identity = false;                          ///< attidentity <> ''
  std::optional<std::string> default_expression;  ///< pg_get_expr(adbin), not for generated columns.
};

/// A table as the catalog shows it now, which may be later than the log position that asked.
struct TableDescription {
  std::uint32_t oid = 0;
  bool found = false;  ///< false: dropped meanwhile.
  std::string schema;
  std::string name;
  char kind = 'r';  ///< relkind
  char replica_identity = 'd';
  std::vector<ColumnDescription> columns;  ///< In attnum order, dropped ones left out.
  std::vector<std::string> primary_key;    ///< Column names in key order; empty: none.
  std::vector<std::string> unique_key;     ///< First suitable unique index (contract 1.4); empty: none.
  std::map<std::uint32_t, TypeDescription> types;  ///< Every type reachable from the columns.
};

}  // namespace millrace::postgres
