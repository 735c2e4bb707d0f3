// SPDX-License-Identifier: Apache-2.0
// Wakes across threads: also run under the thread sanitizer.
#include <fcntl.h>

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "base/spsc_ring.h"
#include "reactor_fixture.h"

namespace millrace {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class ReactorWake : public EachReactor {};
INSTANTIATE_TEST_SUITE_P(Each, ReactorWake, each_reactor(), reactor_name);

TEST_P(ReactorWake, BeforeTheWaitIsNotLost) {
  reactor->wake();
  reactor->wait(kNever);
  reactor->poll();
  reactor->wake();
  reactor->poll();  // a turn that does not sleep does not use it up
  reactor->wait(kNever);
  const std::int64_t before = monotonic_us();
  while (monotonic_us() < before + 5'000) reactor->wait(before + 5'000);
  EXPECT_GE(monotonic_us() - before, 5'000) << "used up: the next wait sleeps";
}

TEST_P(ReactorWake, FromAnotherThreadEndsASleep) {
  std::thread waker([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    reactor->wake();
  });
  reactor->wait(kNever);
  waker.join();
}

// The handshake that matters: push, wake; pop until empty, sleep without a deadline. One lost wake and this
// hangs.
TEST_P(ReactorWake, NoItemIsLeftInARingBehindASleeper) {
  constexpr int kItems = 30'000;
  SpscRing<int> ring(16);
  std::thread producer([&] {
    for (int i = 0; i < kItems;) {
      if (ring.try_push(i)) {
        reactor->wake();
        if (++i % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i % 3 * 20));
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (int expected = 0; expected < kItems;) {
    int item = -1;
    if (ring.try_pop(item)) {
      ASSERT_EQ(item, expected++);
    } else {
      reactor->wait(kNever);
    }
  }
  producer.join();
}

TEST_P(ReactorWake, ManyWakersAndIoTogether) {
  SocketPair pair;
  std::array<std::byte, 64> into{};
  std::size_t received = 0;
  Remember done;
  done.then = [&](int n) {
    if (n <= 0) return;
    received += static_cast<std::size_t>(n);
    reactor->receive(pair.ours, into, &done);
  };
  reactor->receive(pair.ours, into, &done);
  std::atomic<int> announced{0};
  constexpr int kPerThread = 2'000;
  std::array<std::thread, 3> wakers;
  for (std::thread& waker : wakers) {
    waker = std::thread([&] {
      for (int i = 0; i < kPerThread; ++i) {
        if (::write(pair.theirs, "x", 1) == 1) announced.fetch_add(1);
        reactor->wake();
      }
    });
  }
  ASSERT_TRUE(run_until([&] { return received == 3 * kPerThread; }));
  for (std::thread& waker : wakers) waker.join();
  EXPECT_EQ(announced.load(), 3 * kPerThread);
  reactor->cancel_and_wait(&done);
}

// A pipeline is built on one thread, runs on another, and is taken down by the first.
TEST_P(ReactorWake, BuiltAndDestroyedOutsideTheLoopsThread) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  Remember first, second;
  reactor->receive(pair.ours, into, &first);  // before there is a loop
  ASSERT_EQ(::write(pair.theirs, "x", 1), 1);
  std::thread loop([&] {
    while (!first.result.has_value()) reactor->wait(kNever);
    reactor->receive(pair.ours, into, &second);
    reactor->poll();
  });
  loop.join();
  EXPECT_EQ(first.result, 1);
  reactor->cancel_and_wait(&second);
  EXPECT_EQ(second.result, -ECANCELED);
  reactor.reset();
}

}  // namespace
}  // namespace millrace
