// SPDX-License-Identifier: Apache-2.0
#include "sim/gtid/gtid_set.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <vector>

#include "base/concat.h"

namespace millrace::sim {

std::string GtidSet::text() const {
  std::string out;
  for (const auto& [server, numbers] : servers_) {
    append(out, out.empty() ? "" : ",", server);
    for (auto at = numbers.begin(); at != numbers.end();) {
      const std::uint64_t first = *at;
      std::uint64_t last = first;
      while (++at != numbers.end() && *at == last + 1) last = *at;
      append(out, ":", first);
      if (last != first) append(out, "-", last);
    }
  }
  return out;
}

std::optional<GtidSet> GtidSet::parse(const std::string& text) {
  GtidSet set;
  if (text.empty()) return set;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> pieces = absl::StrSplit(part, ':');
    std::uint32_t server = 0;
    if (pieces.size() < 2 || !absl::SimpleAtoi(pieces[0], &server)) return std::nullopt;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      const std::vector<absl::string_view> ends = absl::StrSplit(pieces[i], '-');
      std::uint64_t first = 0;
      std::uint64_t last = 0;
      if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last))
        return std::nullopt;
      for (; first <= last; ++first) set.add(server, first);
    }
  }
  return set;
}

bool GtidSet::includes(const GtidSet& other) const {
  return std::all_of(other.servers_.begin(), other.servers_.end(), [this](const auto& entry) {
    const auto found = servers_.find(entry.first);
    return found != servers_.end() && std::includes(found->second.begin(), found->second.end(),
                                                    entry.second.begin(), entry.second.end());
  });
}

}  // namespace millrace::sim
