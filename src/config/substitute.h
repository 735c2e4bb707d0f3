// SPDX-License-Identifier: Apache-2.0
// ${env:NAME}, ${file:/path} and ${file:/path:key} inside values.
#pragma once
#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

/// Where substitutions look. Tests and the fuzzer bring their own.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  static Environment system();
};

/// The text with every substitution done, once: what comes in is not looked at again. `${` that does not
/// begin a substitution stays, for regular expressions. `${file:/path}` is the file without its last line
/// end; with a key, the file is one of Java properties.
/// @return InvalidArgument naming the variable, file or key that is missing, and never a value.
absl::StatusOr<std::string> substitute(std::string_view text, const Environment& environment);

/// Reads a file of at most `bytes_max`.
absl::StatusOr<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace millrace::config
