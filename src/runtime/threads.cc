// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "base/concat.h"

namespace millrace {
namespace {

constexpr int kCoresMax = 8192;  // NR_CPUS of the largest distribution kernels

struct CoreSetDeleter {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};
using CoreSet = std::unique_ptr<cpu_set_t, CoreSetDeleter>;
const std::size_t kCoreSetSize = CPU_ALLOC_SIZE(kCoresMax);

CoreSet make_core_set() {
  CoreSet set(CPU_ALLOC(kCoresMax));
  CPU_ZERO_S(kCoreSetSize, set.get());
  return set;
}

absl::Status bad_core_list(std::string_view text) {
  return absl::InvalidArgumentError(concat("\"", text, "\" is no list of cores such as 0-3,8"));
}

}  // namespace

void set_thread_name(std::string_view name) noexcept {
  char text[16] = {};
  std::memcpy(text, name.data(), std::min(name.size(), sizeof(text) - 1));
  ::prctl(PR_SET_NAME, text);
}

std::vector<int> usable_cores() {
  std::vector<int> cores;
  const CoreSet set = make_core_set();
  if (::sched_getaffinity(0, kCoreSetSize, set.get()) == 0) {
    for (int core = 0; core < kCoresMax; ++core) {
      if (CPU_ISSET_S(static_cast<std::size_t>(core), kCoreSetSize, set.get())) cores.push_back(core);
    }
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

absl::Status pin_thread(std::span<const int> cores) {
  const CoreSet set = make_core_set();
  for (const int core : cores) {
    if (core < 0 || core >= kCoresMax) return absl::InvalidArgumentError(absl::StrCat("no core ", core));
    CPU_SET_S(static_cast<std::size_t>(core), kCoreSetSize, set.get());
  }
  if (::sched_setaffinity(0, kCoreSetSize, set.get()) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("cannot run on cores ", absl::StrJoin(cores, ","), ": ",
                                                    std::generic_category().message(errno)));
}

absl::StatusOr<std::vector<int>> parse_core_list(std::string_view text) {
  std::vector<int> cores;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](int& value) {
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 0 || value >= kCoresMax) return false;
    at = stop;
    return true;
  };
  for (bool more = true; more;) {
    int first = 0;
    if (!number(first)) return bad_core_list(text);
    int last = first;
    if (at != end && *at == '-') {
      ++at;
      if (!number(last)) return bad_core_list(text);
    }
    if (last < first || (at != end && *at != ',')) return bad_core_list(text);
    for (int core = first; core <= last; ++core) cores.push_back(core);
    more = at != end;
    if (more) ++at;
  }
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return cores;
}

// A core's folder holds a link named after its node: /sys/devices/system/cpu/cpu3/node0.
int numa_node_of_core(int core, std::string_view sys_root) {
  std::error_code error;
  const std::string folder = concat(sys_root, "/devices/system/cpu/cpu", std::to_string(core));
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    int node = 0;
    if (!name.starts_with("node")) continue;
    const auto [stop, bad] = std::from_chars(name.data() + 4, name.data() + name.size(), node);
    if (bad == std::errc() && stop == name.data() + name.size()) return node;
  }
  return -1;
}

}  // namespace millrace
