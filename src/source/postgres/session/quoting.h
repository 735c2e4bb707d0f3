// SPDX-License-Identifier: Apache-2.0
// Names and texts inside SQL and inside replication commands: both quote alike.
#pragma once
#include <string>
#include <string_view>

namespace millrace::postgres {

/// `na"me` -> "na""me". Always quoted: keywords and capitals need no thought.
std::string quote_identifier(std::string_view name);
/// "schema"."name"
std::string quote_qualified(std::string_view schema, std::string_view name);
/// `it's` -> 'it''s'. The sessions set standard_conforming_strings, so a backslash is itself.
std::string quote_literal(std::string_view text);

}  // namespace millrace::postgres
