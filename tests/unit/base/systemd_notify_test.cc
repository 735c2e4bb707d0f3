// SPDX-License-Identifier: Apache-2.0
#include "base/systemd_notify.h"

#include "base/concat.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace millrace {
namespace {

/// What systemd has: a datagram socket, at a path or in the abstract namespace ('@' in front).
class Manager {
 public:
  explicit Manager(const std::string& name)
      : name_(name), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0) << std::strerror(errno);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
    if (name_[0] != '@') ::unlink(name_.c_str());
  }
  std::string received() const {
    std::array<char, 256> buffer{};
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  }

 private:
  std::string name_;
  int fd_;
};

TEST(SystemdNotify, ReachesASocketAtAPath) {
  const Manager manager(concat("/tmp/millrace-notify-", ::getpid()));
  EXPECT_TRUE(notify_systemd("READY=1"));
  EXPECT_EQ(manager.received(), "READY=1");
  EXPECT_TRUE(notify_systemd("STATUS=streaming\nWATCHDOG=1"));
  EXPECT_EQ(manager.received(), "STATUS=streaming\nWATCHDOG=1");
}

TEST(SystemdNotify, ReachesAnAbstractSocket) {
  const Manager manager(concat("@millrace-notify-", ::getpid()));
  EXPECT_TRUE(notify_systemd("STOPPING=1"));
  EXPECT_EQ(manager.received(), "STOPPING=1");
}

TEST(SystemdNotify, WithoutSystemdDoesNothing) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(notify_systemd("READY=1"));
}

TEST(SystemdNotify, TellsWhenNobodyListens) {
  ::setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
  EXPECT_FALSE(notify_systemd("READY=1"));
  ::setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_FALSE(notify_systemd("READY=1"));
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(SystemdWatchdog, IsAnsweredTwicePerInterval) {
  ::unsetenv("WATCHDOG_PID");
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval_us(), 15'000'000);
  for (const char* none : {"", "0", "-5", "10s"}) {
    ::setenv("WATCHDOG_USEC", none, 1);
    EXPECT_EQ(watchdog_interval_us(), 0) << none;
  }
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(watchdog_interval_us(), 0);
}

TEST(SystemdWatchdog, MeantForAnotherProcessIsNotOurs) {
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval_us(), 0);
  ::setenv("WATCHDOG_PID", concat(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval_us(), 15'000'000);
  ::unsetenv("WATCHDOG_PID");
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace millrace
