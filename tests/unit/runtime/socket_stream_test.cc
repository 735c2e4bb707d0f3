// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket_stream.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <atomic>
#include <thread>

#include "stream_fixture.h"

namespace millrace {
namespace {

using Kind = ReadOutcome::Kind;

class SocketStreamTest : public StreamTest {
 protected:
  template <class Pair>
  void start(Pair& pair) {
    socket = pair.ours;
    stream = make_socket_stream(*reactor, socket, [this, owner = std::make_shared<Fd>(std::move(pair.ours))] {
      ++closed;
      owner->reset();
    });
  }
  int socket = -1;  // the stream's
};
INSTANTIATE_TEST_SUITE_P(Each, SocketStreamTest, each_reactor(), reactor_name);

TEST_P(SocketStreamTest, BytesArriveAsTheyCome) {
  SocketPair pair;
  start(pair);
  EXPECT_FALSE(stream->armed());
  EXPECT_EQ(stream->take().kind, Kind::kPending) << "nothing is armed";
  buffer.resize(64);
  stream->arm(buffer);
  run_for(1'000);
  EXPECT_EQ(stream->take().kind, Kind::kPending);
  EXPECT_TRUE(stream->armed());
  ASSERT_EQ(::write(pair.theirs, "hello", 5), 5);
  ASSERT_TRUE(run_until([&] { return stream->take().kind == Kind::kBytes; }));
  EXPECT_EQ(text_of(std::span(buffer).first(5)), "hello");
}

TEST_P(SocketStreamTest, OneByteAtATimeInEitherDirection) {
  TcpPair pair;
  start(pair);
  const std::string text = numbered_text(300);
  std::string received;
  for (const char c : text) {
    ASSERT_EQ(::write(pair.theirs, &c, 1), 1);
    received += read_text(1);
  }
  EXPECT_EQ(received, text);
  ASSERT_EQ(::write(pair.theirs, text.data(), text.size()), 300);
  EXPECT_EQ(read_all(text.size(), 1), text);
  ASSERT_TRUE(send_all(text, 1));
  std::string echoed(text.size(), 0);
  ASSERT_EQ(::recv(pair.theirs, echoed.data(), echoed.size(), MSG_WAITALL), 300);
  EXPECT_EQ(echoed, text);
}

TEST_P(SocketStreamTest, LargeDataBothWaysAtOnce) {
  for (const bool tcp : {true, false}) {
    TcpPair tcp_pair;
    SocketPair unix_pair;
    const Fd& theirs = tcp ? tcp_pair.theirs : unix_pair.theirs;
    tcp ? start(tcp_pair) : start(unix_pair);
    const std::string text = numbered_text(2 << 20);
    std::thread writer([&] {
      for (std::size_t at = 0; at < text.size();) {
        const ssize_t n = ::write(theirs, text.data() + at, std::min<std::size_t>(text.size() - at, 100'000));
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
      }
    });
    std::string echoed(text.size(), 0);

    std::string received;
    std::string_view unsent = text;
    buffer.resize(256 * 1024);
    std::atomic<bool> echo_complete{false};
    std::thread reader([&] {
      EXPECT_EQ(::recv(theirs, echoed.data(), echoed.size(), MSG_WAITALL), 2 << 20);
      echo_complete = true;
    });
    while (received.size() < text.size() || !echo_complete) {
      if (!stream->armed() && received.size() < text.size()) stream->arm(buffer);
      reactor->poll();
      const ReadOutcome outcome = stream->take();
      received += text_of(std::span(buffer).first(outcome.bytes));
      const std::string_view next = unsent.substr(0, 30'000);
      if (!next.empty() && stream->send(bytes_of(next))) unsent.remove_prefix(next.size());
    }
    writer.join();
    reader.join();
    EXPECT_TRUE(received == text);
    EXPECT_TRUE(echoed == text);
    stream.reset();
  }
}

TEST_P(SocketStreamTest, EndOfStreamIsClosedAndStaysClosedWhileSendingStillWorks) {
  TcpPair pair;
  start(pair);
  ASSERT_EQ(::write(pair.theirs, "bye", 3), 3);
  ::shutdown(pair.theirs, SHUT_WR);
  EXPECT_EQ(read_text(64), "bye");
  EXPECT_EQ(read(64).kind, Kind::kClosed);
  EXPECT_EQ(read(64).kind, Kind::kClosed);
  ASSERT_TRUE(stream->send(bytes_of("still here")));
  char text[16];
  EXPECT_EQ(::recv(pair.theirs, text, sizeof(text), 0), 10);
  EXPECT_EQ(stream->send_error(), 0);
}

TEST_P(SocketStreamTest, ResetIsAnErrorWithItsNumber) {
  TcpPair pair;
  start(pair);
  buffer.resize(16);
  stream->arm(buffer);
  reactor->poll();
  const linger reset{1, 0};
  ::setsockopt(pair.theirs, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  pair.theirs.reset();
  ReadOutcome outcome;
  ASSERT_TRUE(run_until([&] { return (outcome = stream->take()).kind != Kind::kPending; }));
  EXPECT_EQ(outcome.kind, Kind::kError);
  EXPECT_EQ(outcome.error_number, ECONNRESET);
}

TEST_P(SocketStreamTest, FullSendQueueSaysSoAndLosesNothing) {
  SocketPair pair;
  start(pair);
  const std::string text = numbered_text(10'000);
  std::string expected;
  while (stream->send(bytes_of(text))) {
    expected += text;
    ASSERT_LT(expected.size(), 64U << 20);
    reactor->poll();
  }
  EXPECT_FALSE(stream->send(bytes_of("x")) && stream->send(bytes_of(text)));
  std::string received;
  std::string piece(100'000, 0);
  while (received.size() < expected.size()) {
    const ssize_t n = ::recv(pair.theirs, piece.data(), piece.size(), MSG_DONTWAIT);
    if (n > 0) received.append(piece, 0, static_cast<std::size_t>(n));
    reactor->poll();
  }
  EXPECT_TRUE(received.starts_with(expected));
  EXPECT_TRUE(stream->send(bytes_of(text)));
}

TEST_P(SocketStreamTest, OneLargeMessageGoesThroughAnEmptyQueue) {
  SocketPair pair;
  start(pair);
  const std::string text = numbered_text(1 << 20);
  ASSERT_TRUE(stream->send(bytes_of(text)));
  std::string received;
  std::string piece(1 << 20, 0);
  while (received.size() < text.size()) {
    const ssize_t n = ::recv(pair.theirs, piece.data(), piece.size(), MSG_DONTWAIT);
    if (n > 0) received.append(piece, 0, static_cast<std::size_t>(n));
    reactor->poll();
  }
  EXPECT_TRUE(received == text);
}

TEST_P(SocketStreamTest, FailedSendShowsAfterTheServersLastWords) {
  SocketPair pair;
  start(pair);
  ASSERT_EQ(::write(pair.theirs, "FATAL: going", 12), 12);
  pair.theirs.reset();
  EXPECT_TRUE(stream->send(bytes_of("status")));
  EXPECT_EQ(stream->send_error(), EPIPE);
  EXPECT_TRUE(stream->send(bytes_of("status"))) << "dropped, not queued";
  EXPECT_EQ(read_text(64), "FATAL: going");
  const ReadOutcome outcome = read(64);
  EXPECT_EQ(outcome.kind, Kind::kError);
  EXPECT_EQ(outcome.error_number, EPIPE);
}

TEST_P(SocketStreamTest, FailedSendEndsAnArmedReceive) {
  SocketPair pair;
  start(pair);
  buffer.resize(64);
  stream->arm(buffer);
  reactor->poll();
  ::shutdown(socket, SHUT_WR);  // only sending breaks: nothing else would end the receive
  EXPECT_TRUE(stream->send(bytes_of("status")));
  ReadOutcome outcome;
  ASSERT_TRUE(run_until([&] { return (outcome = stream->take()).kind != Kind::kPending; }));
  EXPECT_EQ(outcome.kind, Kind::kError);
  EXPECT_EQ(outcome.error_number, EPIPE);
}

TEST_P(SocketStreamTest, CloseGivesTheSpanBackFreesTheOwnerOnceAndForgetsQuietly) {
  SocketPair pair;
  const Fd still_open(::dup(pair.ours));
  start(pair);
  auto span = std::make_unique<std::byte[]>(64);
  stream->arm({span.get(), 64});
  reactor->poll();
  std::string large(1 << 20, 'x');
  ASSERT_TRUE(stream->send(bytes_of(large)));  // more than fits: a send is under way too
  reactor->poll();
  stream->close();
  EXPECT_EQ(closed, 1);
  EXPECT_FALSE(stream->armed());
  ASSERT_EQ(::write(pair.theirs, "late", 4), 4);
  reactor->poll();
  EXPECT_EQ(span[0], std::byte{0});
  span.reset();
  stream->close();
  EXPECT_TRUE(stream->send(bytes_of("x")));
  EXPECT_FALSE(stream->prepare_for_pauses());
  EXPECT_EQ(read(8).kind, Kind::kClosed);
  stream.reset();
  EXPECT_EQ(closed, 1);
}

TEST_P(SocketStreamTest, GoodbyeBeforeCloseArrives) {
  SocketPair pair;
  start(pair);
  ASSERT_TRUE(stream->send(bytes_of("terminate")));
  stream.reset();
  EXPECT_EQ(closed, 1);
  char text[16];
  EXPECT_EQ(::recv(pair.theirs, text, sizeof(text), 0), 9);
}

TEST_P(SocketStreamTest, NonblockingSocketIsWaitedForAndGivenBackAsItWas) {
  SocketPair pair;
  const Fd same_socket(::dup(pair.ours));
  ::fcntl(pair.ours, F_SETFL, O_RDWR | O_NONBLOCK);
  start(pair);
  buffer.resize(8);
  stream->arm(buffer);
  run_for(1'000);
  EXPECT_EQ(stream->take().kind, Kind::kPending);
  ASSERT_EQ(::write(pair.theirs, "x", 1), 1);
  ASSERT_TRUE(run_until([&] { return stream->take().kind == Kind::kBytes; }));
  stream->close();
  EXPECT_NE(::fcntl(same_socket, F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(SocketStreamTest, WindowIsFixedOnTcpWithinTheHost) {
  TcpPair pair;
  const Fd same_socket(::dup(pair.ours));
  start(pair);
  EXPECT_TRUE(stream->prepare_for_pauses());
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  ASSERT_EQ(::getsockopt(same_socket, SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
  EXPECT_EQ(bytes, 2 * 64 * 1024) << "the kernel doubles it";
  ASSERT_EQ(::write(pair.theirs, "few", 3), 3);
  EXPECT_EQ(read_text(64), "few");
}

TEST_P(SocketStreamTest, UnixSocketsAreNotForLongPauses) {
  SocketPair pair;
  start(pair);
  EXPECT_FALSE(stream->prepare_for_pauses());
}

}  // namespace
}  // namespace millrace
