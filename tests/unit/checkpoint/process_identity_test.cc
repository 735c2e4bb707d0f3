// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/process_identity.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace millrace {
namespace {

/// A child that only waits, and what it is called.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Child() {
    if (pid_ > 0) reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  void kill_and_leave() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);  // it stays a zombie
  }
  void reap() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

/// What the child would say of itself: started after this process, so its start is read from /proc by trying.
ProcessIdentity identity_of(const Child& child) {
  ProcessIdentity identity = this_process();
  identity.pid = child.pid();
  const std::int64_t own = identity.started;
  for (std::int64_t ticks = own; ticks < own + 1'000'000; ++ticks) {
    identity.started = ticks;
    if (life_of(identity) == Life::kRuns) return identity;
  }
  ADD_FAILURE() << "no start time fits";
  return identity;
}

TEST(ProcessIdentity, KnowsItself) {
  const ProcessIdentity self = this_process();
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_FALSE(self.boot.empty());
  EXPECT_TRUE(self.pid_namespace.starts_with("pid:[")) << self.pid_namespace;
  EXPECT_GT(self.started, 0);
  EXPECT_EQ(self, this_process());
  EXPECT_EQ(life_of(self), Life::kRuns);
}

TEST(ProcessIdentity, AnotherStartIsAnotherProcess) {
  ProcessIdentity reused = this_process();
  reused.started -= 1;
  EXPECT_EQ(life_of(reused), Life::kEnded);
}

TEST(ProcessIdentity, AProcessThatIsStoppedRuns) {
  Child child;
  const ProcessIdentity identity = identity_of(child);
  child.signal(SIGSTOP);
  EXPECT_EQ(life_of(identity), Life::kRuns);
  child.kill_and_leave();
  EXPECT_EQ(life_of(identity), Life::kEnded) << "a zombie";
  child.reap();
  EXPECT_EQ(life_of(identity), Life::kEnded);
}

TEST(ProcessIdentity, NothingIsKnownOfOtherMachinesAndContainers) {
  const ProcessIdentity self = this_process();
  ProcessIdentity other = self;
  other.boot = "6f4a1f52-9a3c-4a51-8d8f-2f7d5c9e0b11";
  EXPECT_EQ(life_of(other), Life::kUnknown);
  other = self;
  other.pid_namespace = "pid:[1]";
  EXPECT_EQ(life_of(other), Life::kUnknown);
  other = self;
  other.boot.clear();
  EXPECT_EQ(life_of(other), Life::kUnknown);
  EXPECT_EQ(life_of(ProcessIdentity{}), Life::kUnknown);
}

}  // namespace
}  // namespace millrace
