// SPDX-License-Identifier: Apache-2.0
// The lists of names in Debezium's include and exclude options.
#pragma once
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Regular expressions, each of which must match a whole name, letter case aside (ASCII letters, as in Java).
/// A dot is any character, so `public.orders` also takes `public_orders`, exactly as Debezium does.
/// Copies share the compiled expressions. Thread-safe to read.
class PatternList {
 public:
  PatternList() = default;

  /// Compiles a comma-separated list. Blanks around an entry are dropped; `\,` is a comma inside an entry.
  /// @return InvalidArgument with the number of the entry and what is wrong with it; the text itself is not
  /// repeated.
  static absl::StatusOr<PatternList> parse(std::string_view text);

  /// Compiles entries as they are: a comma has no meaning.
  static absl::StatusOr<PatternList> compile(std::vector<std::string> entries);

  bool empty() const noexcept { return entries_.empty(); }
  const std::vector<std::string>& entries() const noexcept { return entries_; }

  /// Number of the first entry that matches: Debezium snapshots tables in the order of the entries.
  /// A name that is not UTF-8, or that costs an expression more than its budget of steps, matches nothing.
  std::optional<std::size_t> first_match(std::string_view name) const;
  bool matches(std::string_view name) const { return first_match(name).has_value(); }

  friend bool operator==(const PatternList& a, const PatternList& b) { return a.entries_ == b.entries_; }

 private:
  struct Compiled;
  std::vector<std::string> entries_;
  std::shared_ptr<const Compiled> compiled_;
};

/// An include list and an exclude list of the same kind; at most one of them has entries.
struct NameFilter {
  PatternList include;
  PatternList exclude;
  bool empty() const noexcept { return include.empty() && exclude.empty(); }
  bool accepts(std::string_view name) const {
    if (!include.empty()) return include.matches(name);
    return exclude.empty() || !exclude.matches(name);
  }
  friend bool operator==(const NameFilter&, const NameFilter&) = default;
};

}  // namespace millrace
