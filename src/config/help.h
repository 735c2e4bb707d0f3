// SPDX-License-Identifier: Apache-2.0
// The declaration table as text: for the terminal, for docs/, for editors.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

/// Every option, a line or two each, grouped.
std::string options_help();

/// One option at length; for an option of Debezium that is not supported, what this version does instead.
/// @return nothing when no option has this name; `nearest_option` may know a similar one.
std::optional<std::string> option_help(std::string_view name);
std::string_view nearest_option(std::string_view name);

/// docs/configuration.md.
std::string configuration_markdown();

/// A JSON Schema of the file, for editors.
std::string configuration_json_schema();

}  // namespace millrace::config
