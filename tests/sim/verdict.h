// SPDX-License-Identifier: Apache-2.0
// Where models report a broken promise. The first one counts; the run ends at its next turn.
#pragma once
#include <string>

namespace millrace::sim {

class Verdict {
 public:
  void fail(std::string what) {
    if (failure_.empty()) failure_ = what.empty() ? "unnamed" : std::move(what);
  }
  bool failed() const noexcept { return !failure_.empty(); }
  const std::string& failure() const noexcept { return failure_; }

 private:
  std::string failure_;
};

}  // namespace millrace::sim
