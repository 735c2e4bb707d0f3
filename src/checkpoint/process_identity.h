// SPDX-License-Identifier: Apache-2.0
// Which process of which machine: enough to find out, from the same machine, whether it still runs.
#pragma once
#include <cstdint>
#include <string>

namespace millrace {

struct ProcessIdentity {
  std::string host;           ///< For people.
  std::int64_t pid = 0;       ///< In its pid namespace.
  std::int64_t started = 0;   ///< Clock ticks since boot: a pid that was used again differs.
  std::string boot;           ///< The kernel's boot id; empty when it is not known.
  std::string pid_namespace;  ///< `pid:[4026531836]`; empty when it is not known.

  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

ProcessIdentity this_process();

enum class Life : std::uint8_t {
  kRuns,
  kEnded,
  kUnknown  ///< On another machine, in another container, or /proc does not tell.
};

/// Looks at /proc. A process that is stopped (SIGSTOP) runs.
Life life_of(const ProcessIdentity& process);

}  // namespace millrace
