// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include "base/concat.h"
#include "base/reason_code.h"
#include "config/problems.h"
#include "config/suggest.h"

#include <algorithm>

namespace millrace::cli {
namespace {

using config::shown;

absl::Status usage(std::string_view what) { return reason_error(ReasonCode::kUsage, what); }

absl::Status unknown_flag(const Command& command, std::string_view word) {
  std::vector<std::string_view> known{"--help"};
  for (const Flag& flag : command.flags) known.push_back(flag.name);
  const std::string_view meant = config::nearest(word, known);
  return usage(concat("unknown flag ", shown(word), meant.empty() ? "" : "; did you mean ", meant,
                      meant.empty() ? "" : "?"));
}

absl::Status check_operands(const Command& command, const Arguments& arguments) {
  if (arguments.wants_help) return absl::OkStatus();
  const std::string synopsis = concat("millrace ", command.name, " ", command.operands);
  if (arguments.operands.size() < command.operands_min)
    return usage(concat("something is missing: ", synopsis));
  if (arguments.operands.size() > command.operands_max) {
    return usage(concat("one too many: ", shown(arguments.operands[command.operands_max]), "; ", synopsis));
  }
  return absl::OkStatus();
}

}  // namespace

bool Arguments::has(std::string_view flag) const {
  return std::ranges::any_of(flags, [flag](const auto& given) { return given.first == flag; });
}

std::optional<std::string> Arguments::value(std::string_view flag) const {
  std::optional<std::string> found;
  for (const auto& [name, text] : flags) {
    if (name == flag) found = text;
  }
  return found;
}

std::vector<std::string> Arguments::values(std::string_view flag) const {
  std::vector<std::string> found;
  for (const auto& [name, text] : flags) {
    if (name == flag) found.push_back(text);
  }
  return found;
}

absl::StatusOr<Arguments> parse_arguments(const Command& command, std::span<const std::string_view> words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") {
      for (++i; i < words.size(); ++i) arguments.operands.emplace_back(words[i]);
      break;
    }
    if (word == "-h" || word == "--help") {
      arguments.wants_help = true;
      continue;
    }
    if (!word.starts_with('-') || word == "-") {
      arguments.operands.emplace_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const auto flag = std::ranges::find(command.flags, name, &Flag::name);
    if (flag == command.flags.end()) return unknown_flag(command, name);
    if (arguments.has(flag->name) && !flag->repeats) return usage(concat(flag->name, " stands twice"));
    if (flag->value.empty()) {
      if (equals != std::string_view::npos) return usage(concat(flag->name, " takes no value"));
      arguments.flags.emplace_back(flag->name, "");
    } else if (equals != std::string_view::npos) {
      arguments.flags.emplace_back(flag->name, word.substr(equals + 1));
    } else if (i + 1 < words.size()) {
      arguments.flags.emplace_back(flag->name, words[++i]);
    } else {
      return usage(concat(flag->name, " needs a value: ", flag->name, " ", flag->value));
    }
  }
  const absl::Status operands = check_operands(command, arguments);
  if (!operands.ok()) return operands;
  return arguments;
}

}  // namespace millrace::cli
