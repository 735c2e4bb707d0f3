// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/process_identity.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

#include "base/concat.h"

namespace millrace {

namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string link_target(const char* path) {
  std::array<char, 256> target{};
  const ssize_t n = ::readlink(path, target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : std::string();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

struct ProcessStat {
  char state = '?';
  std::int64_t started = 0;
};

// Source: proc(5), /proc/pid/stat: state is field 3, starttime field 22. Field 2 is the name in parentheses,
// which may hold blanks and parentheses itself.
std::optional<ProcessStat> stat_of(std::int64_t pid) {
  const std::string line = first_line(concat("/proc/", pid, "/stat"));
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = absl::StrSplit(line.substr(name_end + 1), ' ', absl::SkipEmpty());
  ProcessStat stat;
  if (fields.size() < 20 || !absl::SimpleAtoi(fields[19], &stat.started)) return std::nullopt;
  stat.state = fields[0][0];
  return stat;
}

}  // namespace

ProcessIdentity this_process() {
  ProcessIdentity self;
  self.host = host_name();
  self.pid = ::getpid();
  self.boot = first_line("/proc/sys/kernel/random/boot_id");
  self.pid_namespace = link_target("/proc/self/ns/pid");
  if (const auto stat = stat_of(self.pid)) self.started = stat->started;
  return self;
}

Life life_of(const ProcessIdentity& process) {
  const ProcessIdentity self = this_process();
  // /proc may show the processes of another namespace than ours.
  if (link_target("/proc/self") != concat(self.pid)) return Life::kUnknown;
  if (self.boot.empty() || self.pid_namespace.empty() || self.started == 0) return Life::kUnknown;
  if (process.pid <= 0 || process.started == 0) return Life::kUnknown;
  if (process.boot != self.boot || process.pid_namespace != self.pid_namespace) return Life::kUnknown;
  const std::optional<ProcessStat> stat = stat_of(process.pid);
  if (!stat) {
    // /proc may hide other users' processes (hidepid); signal 0 does not.
    const bool ended = ::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH;
    return ended ? Life::kEnded : Life::kUnknown;
  }
  const bool runs = stat->started == process.started && stat->state != 'Z' && stat->state != 'X';
  return runs ? Life::kRuns : Life::kEnded;
}

}  // namespace millrace
