// SPDX-License-Identifier: Apache-2.0
// Sets of global transaction identifiers, as MySQL keeps them: positions that are only partially ordered.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace millrace::sim {

/// Small and obvious: every number is an element.
class GtidSet {
 public:
  void add(std::uint32_t server, std::uint64_t number) { servers_[server].insert(number); }
  bool contains(std::uint32_t server, std::uint64_t number) const {
    const auto found = servers_.find(server);
    return found != servers_.end() && found->second.contains(number);
  }
  /// "1:1-3:5,2:1"; empty for the empty set.
  std::string text() const;
  static std::optional<GtidSet> parse(const std::string& text);
  bool includes(const GtidSet& other) const;
  friend bool operator==(const GtidSet&, const GtidSet&) = default;

 private:
  std::map<std::uint32_t, std::set<std::uint64_t>> servers_;
};

}  // namespace millrace::sim
