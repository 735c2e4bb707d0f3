// SPDX-License-Identifier: Apache-2.0
// Connected sockets and a reader, for the tests of streams.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <string>
#include <vector>

#include "reactor_fixture.h"
#include "runtime/byte_stream.h"

namespace millrace {

/// Two ends of a TCP connection over loopback.
struct TcpPair {
  Fd ours, theirs;
  TcpPair() {
    const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 1) != 0)
      return;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    ours = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(ours, reinterpret_cast<const sockaddr*>(&address), size) != 0) ours.reset();
    theirs = Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    const int one = 1;
    ::setsockopt(theirs, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }
};

/// Text that shows where in it a mistake is.
inline std::string numbered_text(std::size_t size) {
  std::string text;
  text.reserve(size + 16);
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

class StreamTest : public EachReactor {
 protected:
  /// The next outcome of a receive of at most `room` bytes.
  ReadOutcome read(std::size_t room) {
    buffer.assign(room, std::byte{0});
    stream->arm(buffer);
    EXPECT_TRUE(stream->armed());
    ReadOutcome outcome;
    EXPECT_TRUE(run_until([&] { return (outcome = stream->take()).kind != ReadOutcome::Kind::kPending; }));
    EXPECT_FALSE(stream->armed());
    return outcome;
  }
  std::string read_text(std::size_t room) {
    const ReadOutcome outcome = read(room);
    EXPECT_EQ(outcome.kind, ReadOutcome::Kind::kBytes) << outcome.error_number << outcome.detail;
    return std::string(text_of(std::span(buffer).first(outcome.bytes)));
  }
  /// Reads `size` bytes in receives of `room`.
  std::string read_all(std::size_t size, std::size_t room) {
    std::string text;
    while (text.size() < size && !HasFailure()) text += read_text(room);
    return text;
  }
  /// Sends as a caller does: again after a turn when the queue is full.
  bool send_all(std::string_view text, std::size_t piece) {
    while (!text.empty()) {
      const std::string_view next = text.substr(0, piece);
      if (!run_until([&] { return stream->send(bytes_of(next)); })) return false;
      text.remove_prefix(next.size());
    }
    return true;
  }

  std::vector<std::byte> buffer;
  std::unique_ptr<ByteStream> stream;  // dies before the reactor
  int closed = 0;
};

}  // namespace millrace
