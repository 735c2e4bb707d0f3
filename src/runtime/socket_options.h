// SPDX-License-Identifier: Apache-2.0
// What streams set on sockets that others made.
#pragma once
namespace millrace {

/// Sets or clears O_NONBLOCK. @return whether it was set before.
bool set_nonblocking(int fd, bool on) noexcept;

/// Fixes the receive window of a TCP connection within this machine; false, and nothing done, elsewhere.
/// While nothing is read from such a window the kernel acknowledges nothing, so that a sender of small pieces
/// soon finds its allowance in flight, and what it writes then is joined into large segments. Its cost for a
/// small piece falls by half. A window that grows is acknowledged on its own, piece by piece. Between
/// machines it must grow: there it is what fills the wire.
bool fix_window_within_host(int fd) noexcept;

}  // namespace millrace
