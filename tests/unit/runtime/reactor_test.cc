// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <vector>

#include "reactor_fixture.h"

namespace millrace {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class ReactorTest : public EachReactor {};
INSTANTIATE_TEST_SUITE_P(Each, ReactorTest, each_reactor(), reactor_name);

TEST_P(ReactorTest, ReceiveGivesWhatIsThereThenWaitsThenReportsTheEnd) {
  SocketPair pair;
  std::array<std::byte, 16> into{};
  Remember first;
  ASSERT_EQ(::write(pair.theirs, "hello", 5), 5);
  reactor->receive(pair.ours, into, &first);
  ASSERT_TRUE(run_until_complete(first));
  EXPECT_EQ(first.result, 5);
  EXPECT_EQ(text_of(std::span(into).first(5)), "hello");

  Remember second;
  reactor->receive(pair.ours, into, &second);
  run_for(2'000);
  EXPECT_FALSE(second.result.has_value()) << "nothing was sent";
  ASSERT_EQ(::write(pair.theirs, "more", 4), 4);
  ASSERT_TRUE(run_until_complete(second));
  EXPECT_EQ(second.result, 4);

  Remember third;
  reactor->receive(pair.ours, into, &third);
  pair.theirs.reset();
  ASSERT_TRUE(run_until_complete(third));
  EXPECT_EQ(third.result, 0);
}

TEST_P(ReactorTest, ReceiveTakesNoMoreThanItsSpan) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  ASSERT_EQ(::write(pair.theirs, "abcdef", 6), 6);
  Remember first, second;
  reactor->receive(pair.ours, std::span(into).first(3), &first);
  ASSERT_TRUE(run_until_complete(first));
  EXPECT_EQ(first.result, 3);
  EXPECT_EQ(into[3], std::byte{0});
  reactor->receive(pair.ours, into, &second);
  ASSERT_TRUE(run_until_complete(second));
  EXPECT_EQ(text_of(std::span(into).first(3)), "def");
}

TEST_P(ReactorTest, NothingRunsOutsideTheLoop) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  Remember done;
  ASSERT_EQ(::write(pair.theirs, "a", 1), 1);
  reactor->receive(pair.ours, into, &done);
  EXPECT_EQ(done.times, 0);
  ASSERT_TRUE(run_until([&] { return reactor->poll(); }));
  EXPECT_EQ(done.times, 1);
  EXPECT_FALSE(reactor->poll());
  EXPECT_EQ(done.times, 1);
}

struct BadDescriptor {
  const char* name;
  void (*start)(Reactor&, Completion*);
};
TEST_P(ReactorTest, ErrorsComeAsNegativeErrno) {
  const BadDescriptor rows[] = {
      {"receive",
       [](Reactor& r, Completion* c) {
         static std::byte b[1];
         r.receive(-1, b, c);
       }},
      {"send", [](Reactor& r, Completion* c) { r.send(-1, bytes_of("x"), c); }},
      {"write", [](Reactor& r, Completion* c) { r.write(-1, bytes_of("x"), 0, c); }},
      {"write_at_position", [](Reactor& r, Completion* c) { r.write(-1, bytes_of("x"), -1, c); }},
      {"fdatasync", [](Reactor& r, Completion* c) { r.fdatasync(-1, c); }},
      {"poll", [](Reactor& r, Completion* c) { r.poll_fd(1 << 20, POLLIN, c); }},
  };
  for (const BadDescriptor& row : rows) {
    Remember done;
    row.start(*reactor, &done);
    ASSERT_TRUE(run_until_complete(done)) << row.name;
    EXPECT_EQ(done.result, -EBADF) << row.name;
  }
}

TEST_P(ReactorTest, SendToAFullSocketWaitsForRoomAndToAClosedOneFails) {
  SocketPair pair;
  const std::string block(1 << 20, 'x');
  std::size_t sent = 0;
  Remember done;
  done.then = [&](int n) { sent += n > 0 ? static_cast<std::size_t>(n) : 0; };
  reactor->send(pair.ours, bytes_of(block), &done);
  run_for(2'000);
  std::string drained(1 << 20, 0);
  std::size_t received = 0;
  while (!done.result.has_value() || received < sent) {
    const ssize_t n = ::recv(pair.theirs, drained.data(), drained.size(), MSG_DONTWAIT);
    received += n > 0 ? static_cast<std::size_t>(n) : 0;
    reactor->poll();
  }
  EXPECT_GT(sent, 0U);
  EXPECT_EQ(received, sent);

  pair.theirs.reset();
  Remember broken;
  reactor->send(pair.ours, bytes_of("x"), &broken);
  ASSERT_TRUE(run_until_complete(broken));
  EXPECT_EQ(broken.result, -EPIPE);
}

TEST_P(ReactorTest, WriteGoesToAnOffsetOfAFileOrToItsPosition) {
  char path[] = "/tmp/millrace-reactor-XXXXXX";
  const Fd file(::mkstemp(path));
  ASSERT_GE(file.fd, 0);
  ::unlink(path);
  Remember at_position, at_offset, again, sync;
  reactor->write(file, bytes_of("aaaa"), -1, &at_position);
  ASSERT_TRUE(run_until_complete(at_position));
  reactor->write(file, bytes_of("ZZ"), 6, &at_offset);
  ASSERT_TRUE(run_until_complete(at_offset));
  reactor->write(file, bytes_of("bb"), -1, &again);
  ASSERT_TRUE(run_until_complete(again));
  reactor->fdatasync(file, &sync);
  ASSERT_TRUE(run_until_complete(sync));
  EXPECT_EQ(at_position.result, 4);
  EXPECT_EQ(at_offset.result, 2);
  EXPECT_EQ(again.result, 2);
  EXPECT_EQ(sync.result, 0);
  char text[16] = {};
  ASSERT_EQ(::pread(file, text, sizeof(text), 0), 8);
  EXPECT_EQ(std::string_view(text, 8), "aaaabbZZ");
}

TEST_P(ReactorTest, WriteToAFullPipeWaitsAndTheLoopGoesOn) {
  Pipe pipe;
  const std::string block(1 << 20, 'x');
  Remember done;
  std::size_t written = 0;
  std::function<void(int)> next = [&](int n) {
    ASSERT_GT(n, 0);
    written += static_cast<std::size_t>(n);
    done.result.reset();
    if (written < block.size()) reactor->write(pipe.write_end, bytes_of(block).subspan(written), -1, &done);
  };
  done.then = next;
  reactor->write(pipe.write_end, bytes_of(block), -1, &done);

  SocketPair pair;  // served while the pipe is full
  std::array<std::byte, 4> into{};
  Remember other;
  reactor->receive(pair.ours, into, &other);
  run_for(2'000);
  EXPECT_LT(written, block.size());
  ASSERT_EQ(::write(pair.theirs, "ok", 2), 2);
  ASSERT_TRUE(run_until_complete(other));

  std::string drained(64 * 1024, 0);
  for (std::size_t received = 0; received < block.size();) {
    pollfd readable{pipe.read_end, POLLIN, 0};
    if (::poll(&readable, 1, 0) > 0) {
      const ssize_t n = ::read(pipe.read_end, drained.data(), drained.size());
      ASSERT_GT(n, 0);
      received += static_cast<std::size_t>(n);
    }
    reactor->poll();
  }
  EXPECT_EQ(written, block.size());

  pipe.read_end.reset();
  Remember broken;
  reactor->write(pipe.write_end, bytes_of("x"), -1, &broken);
  ASSERT_TRUE(run_until_complete(broken));
  EXPECT_EQ(broken.result, -EPIPE);
}

TEST_P(ReactorTest, PollCompletesWithTheEventsThatCame) {
  SocketPair pair;
  Remember readable, writable, hung_up;
  reactor->poll_fd(pair.ours, POLLIN, &readable);
  reactor->poll_fd(pair.ours, POLLOUT, &writable);
  ASSERT_TRUE(run_until_complete(writable));
  EXPECT_EQ(*writable.result & POLLOUT, POLLOUT);
  EXPECT_FALSE(readable.result.has_value());
  ASSERT_EQ(::write(pair.theirs, "x", 1), 1);
  ASSERT_TRUE(run_until_complete(readable));
  EXPECT_EQ(readable.result, POLLIN);
  pair.theirs.reset();
  reactor->poll_fd(pair.ours, POLLIN, &hung_up);
  ASSERT_TRUE(run_until_complete(hung_up));
  EXPECT_EQ(*hung_up.result & POLLHUP, POLLHUP);
}

TEST_P(ReactorTest, CancelEndsAnOperationAndLosesNoBytes) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  Remember first, second;
  reactor->receive(pair.ours, into, &first);
  reactor->poll();
  reactor->cancel(&first);
  EXPECT_EQ(first.times, 0) << "completions come from the loop";
  ASSERT_TRUE(run_until_complete(first));
  EXPECT_EQ(first.result, -ECANCELED);
  reactor->cancel(&first);  // ended: nothing happens
  run_for(1'000);
  EXPECT_EQ(first.times, 1);
  ASSERT_EQ(::write(pair.theirs, "x", 1), 1);
  reactor->receive(pair.ours, into, &second);
  ASSERT_TRUE(run_until_complete(second));
  EXPECT_EQ(second.result, 1);
}

TEST_P(ReactorTest, CancelInTheSameTurnAsTheStart) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  Remember done;
  reactor->receive(pair.ours, into, &done);
  reactor->cancel(&done);
  ASSERT_TRUE(run_until_complete(done));
  EXPECT_EQ(done.result, -ECANCELED);
}

TEST_P(ReactorTest, CancelAndWaitReturnsWhenItIsOverAndKeepsTheOthersForTheLoop) {
  SocketPair quiet, busy;
  std::array<std::byte, 4> into{}, other_into{};
  Remember done, other;
  reactor->receive(quiet.ours, into, &done);
  reactor->receive(busy.ours, other_into, &other);
  reactor->poll();
  ASSERT_EQ(::write(busy.theirs, "x", 1), 1);
  reactor->cancel_and_wait(&done);
  EXPECT_EQ(done.result, -ECANCELED);
  EXPECT_EQ(other.times, 0);
  ASSERT_TRUE(run_until_complete(other));
  EXPECT_EQ(other.result, 1);
  EXPECT_EQ(done.times, 1);
}

TEST_P(ReactorTest, CancelAndWaitBeforeTheFirstTurn) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  Remember done;
  reactor->receive(pair.ours, into, &done);
  reactor->cancel_and_wait(&done);
  EXPECT_EQ(done.result, -ECANCELED);
}

TEST_P(ReactorTest, CompletionsMayCancelEachOther) {
  // Both end in the same turn, and whichever runs first cancels the other: each completes exactly once.
  SocketPair a, b;
  std::array<std::byte, 4> into_a{}, into_b{};
  Remember first, second;
  first.then = [&](int) {
    if (second.times == 0) reactor->cancel_and_wait(&second);
  };
  second.then = [&](int) {
    if (first.times == 0) reactor->cancel_and_wait(&first);
  };
  reactor->receive(a.ours, into_a, &first);
  reactor->receive(b.ours, into_b, &second);
  ASSERT_EQ(::write(a.theirs, "x", 1), 1);
  ASSERT_EQ(::write(b.theirs, "x", 1), 1);
  ASSERT_TRUE(run_until([&] { return first.times + second.times == 2; }));
  run_for(1'000);
  EXPECT_EQ(first.times, 1);
  EXPECT_EQ(second.times, 1);
}

TEST_P(ReactorTest, ACompletionMayStartItsNextOperation) {
  SocketPair pair;
  std::array<std::byte, 1> into{};
  std::string seen;
  Remember done;
  done.then = [&](int n) {
    if (n != 1) return;
    seen += static_cast<char>(into[0]);
    reactor->receive(pair.ours, into, &done);
  };
  reactor->receive(pair.ours, into, &done);
  const std::string sent(1'000, 'y');
  ASSERT_EQ(::write(pair.theirs, sent.data(), sent.size()), 1'000);
  ASSERT_TRUE(run_until([&] { return seen.size() == sent.size(); }));
  pair.theirs.reset();
  ASSERT_TRUE(run_until([&] { return done.times == 1'001; }));
}

// More than the submission queue (256) and the completion queue (512) hold, before the first turn and after
// it.
TEST_P(ReactorTest, ManyOperationsAtOnceAllComplete) {
  constexpr std::size_t kMany = 1'500;
  Pipe pipe;
  for (int round = 0; round < 2; ++round) {
    std::vector<Remember> polls(kMany), waiting(kMany);
    for (std::size_t i = 0; i < kMany; ++i) {
      reactor->poll_fd(pipe.write_end, POLLOUT, &polls[i]);
      reactor->poll_fd(pipe.read_end, POLLIN, &waiting[i]);
    }
    std::size_t ended = 0;
    ASSERT_TRUE(run_until([&] {
      ended = 0;
      for (const Remember& poll : polls) ended += poll.result == POLLOUT ? 1 : 0;
      return ended == kMany;
    })) << ended;
    for (std::size_t i = 0; i < kMany; ++i) {
      EXPECT_FALSE(waiting[i].result.has_value());
      reactor->cancel(&waiting[i]);
    }
    ASSERT_TRUE(run_until([&] {
      ended = 0;
      for (const Remember& wait : waiting) ended += wait.result == -ECANCELED ? 1 : 0;
      return ended == kMany;
    })) << ended;
    for (std::size_t i = 0; i < kMany; ++i) EXPECT_EQ(polls[i].times + waiting[i].times, 2);
  }
}

TEST_P(ReactorTest, CancelReachesWhatFoundNoRoomInTheQueue) {
  Pipe pipe;
  std::vector<Remember> waiting(600);
  for (Remember& wait : waiting) reactor->poll_fd(pipe.read_end, POLLIN, &wait);
  reactor->cancel(&waiting.back());
  reactor->cancel_and_wait(&waiting[599 - 1]);
  EXPECT_EQ(waiting[598].result, -ECANCELED);
  ASSERT_TRUE(run_until_complete(waiting.back()));
  EXPECT_EQ(waiting.back().result, -ECANCELED);
  EXPECT_EQ(waiting.front().times, 0);
}

TEST_P(ReactorTest, DestructionLetsGoOfWhatIsUnderWay) {
  SocketPair pair;
  Remember never;
  auto into = std::make_unique<std::array<std::byte, 64>>();
  reactor->receive(pair.ours, *into, &never);
  reactor->poll();
  reactor.reset();
  into->fill(std::byte{7});
  ASSERT_EQ(::write(pair.theirs, "late", 4), 4);
  EXPECT_EQ((*into)[0], std::byte{7});
  into.reset();
  EXPECT_EQ(never.times, 0);
  char text[8];
  EXPECT_EQ(::recv(pair.ours, text, sizeof(text), MSG_DONTWAIT), 4) << "the bytes are still the socket's";
}

TEST_P(ReactorTest, WaitSleepsUntilTheDeadlineAndNotLonger) {
  reactor->wait(0);  // passed long ago
  EXPECT_EQ(::prctl(PR_GET_TIMERSLACK), 1);
  std::vector<std::int64_t> slept;
  for (int i = 0; i < 51; ++i) {
    const std::int64_t before = monotonic_us();
    reactor->wait(before + 100);
    slept.push_back(monotonic_us() - before);
  }
  std::sort(slept.begin(), slept.end());
  EXPECT_GE(slept.front(), 99);
  EXPECT_LT(slept[slept.size() / 2], 1'000) << "generous for a busy machine; 105 on a quiet one";
}

TEST_P(ReactorTest, WaitEndsWhenSomethingCompletes) {
  SocketPair pair;
  std::array<std::byte, 4> into{};
  Remember done;
  reactor->receive(pair.ours, into, &done);
  ASSERT_EQ(::write(pair.theirs, "x", 1), 1);
  for (int turns = 0; !done.result.has_value(); ++turns) {
    ASSERT_LT(turns, 3);
    reactor->wait(kNever);
  }
}

}  // namespace
}  // namespace millrace
