// SPDX-License-Identifier: Apache-2.0
#include "sim/shrink.h"

#include <algorithm>

namespace millrace::sim {

std::vector<std::size_t> shrink(std::vector<std::size_t> steps,
                                const std::function<bool(const std::vector<std::size_t>&)>& fails) {
  std::size_t part = std::max<std::size_t>(1, steps.size() / 2);
  for (;;) {
    bool smaller = false;
    for (std::size_t at = 0; at < steps.size();) {
      std::vector<std::size_t> rest = steps;
      const std::size_t end = std::min(steps.size(), at + part);
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at),
                 rest.begin() + static_cast<std::ptrdiff_t>(end));
      if (fails(rest)) {
        steps = std::move(rest);
        smaller = true;
      } else {
        at += part;
      }
    }
    // At single steps: again until none can go, because one may have been kept alive by a later one.
    if (part == 1 && !smaller) return steps;
    part = std::max<std::size_t>(1, part / 2);
  }
}

}  // namespace millrace::sim
