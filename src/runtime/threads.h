// SPDX-License-Identifier: Apache-2.0
// Threads and cores: names, placement, what the machine offers.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <span>
#include <string_view>
#include <vector>

namespace millrace {

/// Names the calling thread, as ps and perf show it. The kernel keeps 15 bytes; the rest is cut.
void set_thread_name(std::string_view name) noexcept;

/// Cores the process may run on (affinity, cpusets), ascending. Never empty.
std::vector<int> usable_cores();

/// Keeps the calling thread on `cores`. Threads it starts later inherit that.
absl::Status pin_thread(std::span<const int> cores);

/// Reads a list as the kernel writes it: "0-3,8,10-11". Ascending, without duplicates; InvalidArgument
/// otherwise.
absl::StatusOr<std::vector<int>> parse_core_list(std::string_view text);

/// The NUMA node of a core, or -1 when the system does not say. @param sys_root  tests bring their own tree.
int numa_node_of_core(int core, std::string_view sys_root = "/sys");

}  // namespace millrace
