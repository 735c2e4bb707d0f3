// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket_options.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace millrace {
namespace {

// The kernel takes as much again for its own structures.
constexpr int kWindowBytes = 64 * 1024;

/// Both ends have one address.
bool is_within_host(int fd) noexcept {
  sockaddr_storage ours{}, theirs{};
  socklen_t our_size = sizeof(ours), their_size = sizeof(theirs);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&ours), &our_size) != 0 ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&theirs), &their_size) != 0 ||
      ours.ss_family != theirs.ss_family) {
    return false;
  }
  if (ours.ss_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in&>(ours).sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in&>(theirs).sin_addr.s_addr;
  }
  return ours.ss_family == AF_INET6 &&
         IN6_ARE_ADDR_EQUAL(&reinterpret_cast<const sockaddr_in6&>(ours).sin6_addr,
                            &reinterpret_cast<const sockaddr_in6&>(theirs).sin6_addr);
}

}  // namespace

bool set_nonblocking(int fd, bool on) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  const bool before = (flags & O_NONBLOCK) != 0;
  if (before != on) ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
  return before;
}

bool fix_window_within_host(int fd) noexcept {
  return is_within_host(fd) &&
         ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kWindowBytes, sizeof(kWindowBytes)) == 0;
}

}  // namespace millrace
