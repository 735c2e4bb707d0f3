// SPDX-License-Identifier: Apache-2.0
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "reactor_fixture.h"

namespace millrace {
namespace {

// As container runtimes do it. For the calling process, for good.
void forbid_io_uring() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(3);
  }
}

TEST(ReactorFallback, AutoUsesPlainCallsWhereIoUringIsForbiddenAndSaysWhy) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        forbid_io_uring();
        const auto made = Reactor::create(Reactor::Kind::kAuto);
        std::exit(made.ok() && (*made)->kind() == Reactor::Kind::kPlain ? 0 : 1);
      },
      testing::ExitedWithCode(0), "io_uring is not used.*Operation not permitted");
}

TEST(ReactorFallback, IoUringByNameIsAnErrorWhereItIsForbidden) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        forbid_io_uring();
        const auto made = Reactor::create(Reactor::Kind::kIoUring);
        std::fprintf(stderr, "%s", made.status().ToString().c_str());
        std::exit(made.ok() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "UNAVAILABLE: io_uring_setup: Operation not permitted");
}

}  // namespace
}  // namespace millrace
