// SPDX-License-Identifier: Apache-2.0
#include "base/systemd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace millrace {

namespace {
std::string_view variable(const char* name) noexcept {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// The number a variable holds; 0 when it holds none, or less.
std::int64_t number(const char* name) noexcept {
  const std::string_view text = variable(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 ? value : 0;
}
}  // namespace

bool notify_systemd(std::string_view state) noexcept {
  const std::string_view path = variable("NOTIFY_SOCKET");
  if (path.empty()) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const ssize_t sent = ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), size);
  ::close(fd);
  return sent == static_cast<ssize_t>(state.size());
}

std::int64_t watchdog_interval_us() noexcept {
  // systemd names the process it means: children inherit the variables.
  if (!variable("WATCHDOG_PID").empty() && number("WATCHDOG_PID") != ::getpid()) return 0;
  return number("WATCHDOG_USEC") / 2;
}

}  // namespace millrace
