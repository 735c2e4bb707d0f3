// SPDX-License-Identifier: Apache-2.0
// Java property files, as Kafka Connect's FileConfigProvider reads secrets from.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

/// The value of `key`, the last one when it stands there twice: key=value, key:value or key value; lines that
/// begin with # or ! are comments; a backslash at the end continues the line; \t \n \r \f \uXXXX and
/// \<character> are escapes. Unlike Java's, the file is UTF-8.
std::optional<std::string> find_property(std::string_view text, std::string_view key);

}  // namespace millrace::config
