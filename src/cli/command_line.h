// SPDX-License-Identifier: Apache-2.0
// Words on the command line, sorted into flags and operands by a command's declaration.
#pragma once
#include <absl/status/statusor.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::cli {

struct Io;
class Arguments;

struct Flag {
  std::string_view name;     ///< With its dashes.
  std::string_view value{};  ///< What its value is called; empty: it has none.
  std::string_view help{};
  bool repeats = false;
};

/// A subcommand: what it takes, how `help` describes it, what it does.
struct Command {
  std::string_view name;
  std::string_view operands{};     ///< As in a synopsis: `FILE [--pipeline NAME]`.
  std::string_view summary{};      ///< One line for the overview; empty: not listed.
  std::string_view description{};  ///< Paragraphs, wrapped at 80 columns.
  std::span<const Flag> flags{};
  std::size_t operands_min = 0;
  std::size_t operands_max = 0;
  int (*run)(const Arguments& arguments, Io& io) = nullptr;  ///< Returns the exit code.
};

class Arguments {
 public:
  std::vector<std::string> operands;
  std::vector<std::pair<std::string_view, std::string>> flags;  ///< By Flag::name, in order.
  bool wants_help = false;

  bool has(std::string_view flag) const;
  std::optional<std::string> value(std::string_view flag) const;  ///< The last one.
  std::vector<std::string> values(std::string_view flag) const;
};

/// Takes `--flag value`, `--flag=value`, `-h` and `--help`; after `--` all is operands, and `-` is always
/// one.
/// @return InvalidArgument with the reason USAGE: an unknown flag (and the nearest known one), a missing or
/// unwanted
///         value, a flag twice, too few or too many operands.
absl::StatusOr<Arguments> parse_arguments(const Command& command, std::span<const std::string_view> words);

}  // namespace millrace::cli
