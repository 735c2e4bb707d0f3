// SPDX-License-Identifier: Apache-2.0
// Tells systemd how the service is: a datagram to the socket it names.
// Source: sd_notify(3).
#pragma once
#include <cstdint>
#include <string_view>

namespace millrace {

/// Sends `state` ("READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1") to $NOTIFY_SOCKET; a leading '@' is an
/// abstract socket. Does nothing without one. @return false when it could not be sent.
bool notify_systemd(std::string_view state) noexcept;

/// How often WATCHDOG=1 is wanted: half of WATCHDOG_USEC; 0: not at all, or not from this
/// process (WATCHDOG_PID).
std::int64_t watchdog_interval_us() noexcept;

}  // namespace millrace
