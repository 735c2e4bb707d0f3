// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket_options.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>

namespace millrace {
namespace {

bool is_tcp(int fd) noexcept {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  return domain == AF_INET || domain == AF_INET6;
}

}  // namespace

bool set_nonblocking(int fd, bool on) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  const bool before = (flags & O_NONBLOCK) != 0;
  if (before != on) ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
  return before;
}

LowWaterMark::LowWaterMark(int fd) noexcept : fd_(fd), supported_(is_tcp(fd)) {}

void LowWaterMark::set(std::size_t bytes) noexcept {
  const int mark = static_cast<int>(std::clamp<std::size_t>(bytes, 1, INT_MAX));
  if (!supported_ || mark == mark_) return;
  if (::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)) == 0) mark_ = mark;
}

}  // namespace millrace
