// SPDX-License-Identifier: Apache-2.0
#include "control/process_metrics.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace millrace::control {
namespace {

using metrics::Family;

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

// Field 22 of /proc/self/stat: ticks from boot to the start of the process. The command, field 2, is in
// parentheses and may hold anything, so counting starts behind the last one. Source: proc(5).
std::int64_t start_time_unix_ms(Now now) {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t command_end = text.rfind(')');
  timespec since_boot{};
  if (command_end == std::string::npos || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return now.unix_ms;
  std::istringstream fields(text.substr(command_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  std::int64_t ticks = 0;
  if (!(fields >> ticks)) return now.unix_ms;
  const std::int64_t boot_ms = since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1'000'000;
  return now.unix_ms - (boot_ms - ticks * 1000 / sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessMetrics::ProcessMetrics(metrics::Registry& registry, std::string_view version,
                               std::string_view revision, Now now)
    : uptime_(registry.gauge(Family::kUptime, {})),
      cpu_(registry.counter(Family::kProcessCpuSeconds, {})),
      resident_(registry.gauge(Family::kProcessResidentBytes, {})),
      virtual_(registry.gauge(Family::kProcessVirtualBytes, {})),
      open_fds_(registry.gauge(Family::kProcessOpenFds, {})),
      max_fds_(registry.gauge(Family::kProcessMaxFds, {})),
      start_unix_ms_(start_time_unix_ms(now)) {
  registry.gauge(Family::kBuildInfo, {version, revision}).set(1);
  registry.gauge(Family::kProcessStartTime, {}).set(static_cast<double>(start_unix_ms_) / 1000);
}

void ProcessMetrics::publish(Now now) {
  uptime_.set(static_cast<double>(uptime_ms(now)) / 1000);
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    cpu_.set_total(microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
  }
  std::ifstream statm("/proc/self/statm");
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (statm >> virtual_pages >> resident_pages) {
    const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    virtual_.set(virtual_pages * page_bytes);
    resident_.set(resident_pages * page_bytes);
  }
  std::error_code error;
  std::size_t fds = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++fds;
  }
  if (!error && fds > 0) open_fds_.set(fds - 1);  // one is the directory itself
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) max_fds_.set(limit.rlim_cur);
}

}  // namespace millrace::control
