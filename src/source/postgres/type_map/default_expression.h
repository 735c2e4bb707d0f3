// SPDX-License-Identifier: Apache-2.0
// What Debezium makes of a column default as the catalog prints it. No expression is evaluated.
// Source: debezium-contract 2.9.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/postgres/catalog_types.h"

namespace millrace::postgres {

/// What became of a default expression.
struct DefaultText {
  std::optional<std::string> text;  ///< In the server's text notation; nullopt: no default.
  bool understood = true;           ///< false: there is a default, and it was given up; worth a warning.
};

/// @param oid         the column's own type; domains have no defaults here.
/// @param modifier    its modifier.
/// @param type        its description, for enums; nullptr: built in.
/// @param expression  pg_get_expr(adbin).
DefaultText default_text(std::uint32_t oid, std::int32_t modifier, const TypeDescription* type,
                         std::string_view expression);

}  // namespace millrace::postgres
