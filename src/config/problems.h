// SPDX-License-Identifier: Apache-2.0
// Everything that is wrong with a configuration, collected so that all of it is told at once.
#pragma once
#include "base/concat.h"
#include "base/json_text.h"
#include "base/reason_code.h"

#include <absl/status/status.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::config {

/// Where something was written: a line of the file, or an override. Line 0 is the file as a whole.
struct Origin {
  int line = 0;
  std::string override_key;  // of --set
};

class Problems {
 public:
  explicit Problems(std::string_view file) : file_(file) {}

  void add(const Origin& origin, std::string_view text) {
    if (list_.size() >= kListMax) return;
    std::string line = origin.line > 0 ? concat(file_, ":", origin.line) : file_;
    if (!origin.override_key.empty()) {
      line = "--set ";
      append_json_text(line, origin.override_key);  // it may hold bytes that no terminal shows
    }
    append(line, ": ");
    for (const char c : text) line += c == '\n' || c == '\r' ? ' ' : c;  // a problem is a line
    const int key = origin.override_key.empty() ? origin.line : 1 << 30;
    const auto at = std::ranges::upper_bound(list_, key, {}, &std::pair<int, std::string>::first);
    list_.emplace(at, key, std::move(line));
  }

  bool full() const noexcept { return list_.size() >= kListMax; }
  bool empty() const noexcept { return list_.empty(); }

  /// OK, or CONFIG_INVALID with a line per problem, in the order of the file.
  absl::Status status() const {
    if (list_.empty()) return absl::OkStatus();
    std::string text;
    for (const auto& [line, problem] : list_) append(text, text.empty() ? "" : "\n", problem);
    return reason_error(ReasonCode::kConfigInvalid, text);
  }

 private:
  static constexpr std::size_t kListMax = 200;  // nobody reads more, and the input may be hostile
  std::string file_;
  std::vector<std::pair<int, std::string>> list_;  // in the order of the file; overrides last
};

/// A value or key as a message may show it: quoted, without control characters, cut at a readable length.
inline std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  if (text.size() <= kShownMax) return json_quoted(text);
  return concat(json_quoted(text.substr(0, kShownMax)), "...");
}

}  // namespace millrace::config
