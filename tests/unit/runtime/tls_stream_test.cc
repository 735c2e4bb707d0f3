// SPDX-License-Identifier: Apache-2.0
#include "runtime/tls_stream.h"

#include <openssl/err.h>

#include <atomic>
#include <thread>

#include "stream_fixture.h"
#include "tls_fixture.h"

namespace millrace {
namespace {

using Kind = ReadOutcome::Kind;

class TlsStreamTest : public StreamTest {
 protected:
  /// Shakes hands over TCP; the far end is `server`, blocking, for a thread of the test or for small pieces.
  void start(int version_max = TLS1_3_VERSION) {
    server_context_ = make_server_context(version_max);
    client_context_ = SslContext(SSL_CTX_new(TLS_client_method()));
    server = SslSession(SSL_new(server_context_.get()));
    SSL_set_fd(server.get(), pair.theirs);
    const std::shared_ptr<SSL> client(SSL_new(client_context_.get()), SSL_free);
    SSL_set_fd(client.get(), pair.ours);
    std::thread accepting([this] { EXPECT_EQ(SSL_accept(server.get()), 1); });
    EXPECT_EQ(SSL_connect(client.get()), 1);
    accepting.join();
    stream = make_tls_stream(*reactor, pair.ours, client.get(), [this, client] {
      ++closed;
      SSL_shutdown(client.get());
    });
  }
  void TearDown() override { stream.reset(); }

  void server_writes(std::string_view text) {
    ASSERT_EQ(SSL_write(server.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  std::string server_reads(std::size_t size) {
    std::string text(size, 0);
    for (std::size_t at = 0; at < size;) {
      const int n = SSL_read(server.get(), text.data() + at, static_cast<int>(size - at));
      if (n <= 0) return text.substr(0, at);
      at += static_cast<std::size_t>(n);
    }
    return text;
  }

  TcpPair pair;
  SslSession server;

 private:
  SslContext server_context_, client_context_;
};
INSTANTIATE_TEST_SUITE_P(Each, TlsStreamTest, each_reactor(), reactor_name);

TEST_P(TlsStreamTest, BytesArriveAsTheyCome) {
  start();
  buffer.resize(64);
  stream->arm(buffer);
  run_for(2'000);
  EXPECT_EQ(stream->take().kind, Kind::kPending) << "session tickets are no data";
  server_writes("hello");
  ASSERT_TRUE(run_until([&] { return stream->take().kind == Kind::kBytes; }));
  EXPECT_EQ(text_of(std::span(buffer).first(5)), "hello");
}

// The first receive takes everything off the socket, which never becomes readable again: the rest is inside
// OpenSSL.
TEST_P(TlsStreamTest, OneByteReceivesOfOneRecordAndOfMany) {
  start();
  const std::string text = numbered_text(2'000);
  server_writes(text);
  EXPECT_EQ(read_all(text.size(), 1), text);
  for (std::size_t i = 0; i < 300; ++i) server_writes(std::string_view(text).substr(i, 1));
  EXPECT_EQ(read_all(300, 1), text.substr(0, 300));
}

TEST_P(TlsStreamTest, ManyRecordsFillOneReceive) {
  start();
  const std::string text = numbered_text(40'000);
  for (std::size_t at = 0; at < text.size(); at += 100) server_writes(std::string_view(text).substr(at, 100));
  EXPECT_EQ(read_text(100'000), text) << "400 records, all of them there";
}

TEST_P(TlsStreamTest, RecordsCutIntoSingleBytesOnTheWire) {
  start();
  // What the server would send, caught and passed on byte by byte.
  BIO* const caught = BIO_new(BIO_s_mem());
  SSL_set0_wbio(server.get(), caught);
  const std::string text = numbered_text(150);
  server_writes(text.substr(0, 100));
  server_writes(text.substr(100));
  char* wire = nullptr;
  const long size = BIO_get_mem_data(caught, &wire);
  std::string received;
  buffer.resize(512);
  for (long i = 0; i < size; ++i) {
    if (!stream->armed()) stream->arm(buffer);
    ASSERT_EQ(::write(pair.theirs, wire + i, 1), 1);
    reactor->poll();
    const ReadOutcome outcome = stream->take();
    ASSERT_NE(outcome.kind, Kind::kError) << outcome.detail;
    received += text_of(std::span(buffer).first(outcome.bytes));
  }
  if (!stream->armed()) stream->arm(buffer);
  ASSERT_TRUE(run_until([&] {
    const ReadOutcome outcome = stream->take();
    received += text_of(std::span(buffer).first(outcome.bytes));
    if (!stream->armed()) stream->arm(buffer);
    return received.size() == text.size();
  }));
  EXPECT_EQ(received, text);
}

TEST_P(TlsStreamTest, LargeDataInThenOut) {
  start();
  const std::string text = numbered_text(2 << 20);
  std::thread far_end([&] {
    for (std::size_t at = 0; at < text.size(); at += 50'000)
      server_writes(std::string_view(text).substr(at, 50'000));
    EXPECT_TRUE(server_reads(text.size()) == text);
  });
  EXPECT_TRUE(read_all(text.size(), 256 * 1024) == text);
  EXPECT_TRUE(send_all(text, 60'000));
  std::atomic<bool> arrived{false};
  std::thread waiting([&] {
    far_end.join();
    arrived = true;
    reactor->wake();
  });
  EXPECT_TRUE(run_until([&] { return arrived.load(); }));
  waiting.join();
}

TEST_P(TlsStreamTest, BothDirectionsAtOnce) {
  start();
  const std::string text = numbered_text(1 << 20);
  // A full-duplex far end needs a thread that does both: it echoes.
  std::thread far_end([&] {
    std::string piece(30'000, 0);
    for (std::size_t done = 0; done < text.size();) {
      const int n = SSL_read(server.get(), piece.data(), static_cast<int>(piece.size()));
      if (n <= 0 || SSL_write(server.get(), piece.data(), n) != n) break;
      done += static_cast<std::size_t>(n);
    }
  });
  std::string received;
  std::string_view unsent = text;
  buffer.resize(100'000);
  while (received.size() < text.size()) {
    if (!stream->armed()) stream->arm(buffer);
    const ReadOutcome outcome = stream->take();
    ASSERT_NE(outcome.kind, Kind::kError) << outcome.detail;
    received += text_of(std::span(buffer).first(outcome.bytes));
    const std::string_view next = unsent.substr(0, 20'000);
    if (!next.empty() && stream->send(bytes_of(next))) unsent.remove_prefix(next.size());
    reactor->poll();
  }
  far_end.join();
  EXPECT_TRUE(received == text);
}

TEST_P(TlsStreamTest, KeyUpdatesInMidStream) {
  start();
  const std::string text = numbered_text(20'000);
  for (std::size_t at = 0; at < text.size(); at += 5'000) {
    ASSERT_EQ(SSL_key_update(server.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    server_writes(std::string_view(text).substr(at, 5'000));
    EXPECT_EQ(read_all(5'000, 999), text.substr(at, 5'000));
    ASSERT_TRUE(stream->send(bytes_of("status")));
    EXPECT_EQ(server_reads(6), "status");
  }
}

TEST_P(TlsStreamTest, RenegotiationInMidStream) {
  start(TLS1_2_VERSION);
  server_writes("before");
  EXPECT_EQ(read_text(64), "before");
  std::atomic<bool> done{false};
  std::thread far_end([&] {
    EXPECT_EQ(SSL_renegotiate(server.get()), 1);
    EXPECT_EQ(SSL_do_handshake(server.get()), 1);
    server_writes("after");
    EXPECT_EQ(server_reads(6), "status");
    done = true;
    reactor->wake();
  });
  EXPECT_EQ(read_text(64), "after");
  EXPECT_TRUE(stream->send(bytes_of("status")));
  EXPECT_TRUE(run_until([&] { return done.load(); }));
  far_end.join();
}

TEST_P(TlsStreamTest, GoodbyeIsClosedAndStaysClosedWhileSendingStillWorks) {
  start();
  server_writes("bye");
  SSL_shutdown(server.get());
  EXPECT_EQ(read_text(64), "bye");
  EXPECT_EQ(read(64).kind, Kind::kClosed);
  EXPECT_EQ(read(64).kind, Kind::kClosed);
  EXPECT_TRUE(stream->send(bytes_of("still here")));
  EXPECT_EQ(server_reads(10), "still here");
}

TEST_P(TlsStreamTest, EndWithoutGoodbyeIsAnError) {
  start();
  server_writes("cut");
  pair.theirs.reset();
  EXPECT_EQ(read_text(64), "cut");
  for (int i = 0; i < 2; ++i) {
    const ReadOutcome outcome = read(64);
    EXPECT_EQ(outcome.kind, Kind::kError);
    EXPECT_EQ(outcome.error_number, ECONNRESET);
    EXPECT_NE(outcome.detail.find("unexpected eof"), std::string::npos) << outcome.detail;
  }
}

TEST_P(TlsStreamTest, GarbageIsAnErrorInOpenSslsWords) {
  start();
  server_writes("fine");
  ASSERT_EQ(::write(pair.theirs, "this is no record at all", 24), 24);
  EXPECT_EQ(read_text(64), "fine");
  const ReadOutcome outcome = read(64);
  EXPECT_EQ(outcome.kind, Kind::kError);
  EXPECT_EQ(outcome.error_number, EPROTO);
  EXPECT_NE(outcome.detail.find("wrong version number"), std::string::npos) << outcome.detail;
  EXPECT_EQ(ERR_peek_error(), 0U) << "nothing is left for who uses OpenSSL next on this thread";
}

TEST_P(TlsStreamTest, FullSendQueueSaysSo) {
  start();
  const std::string text = numbered_text(10'000);
  std::string expected;
  while (stream->send(bytes_of(text))) {
    expected += text;
    ASSERT_LT(expected.size(), 64U << 20);
    reactor->poll();
  }
  std::atomic<bool> arrived{false};
  std::thread far_end([&] {
    EXPECT_TRUE(server_reads(expected.size()) == expected);
    arrived = true;
    reactor->wake();
  });
  EXPECT_TRUE(run_until([&] { return arrived.load(); }));
  far_end.join();
  EXPECT_TRUE(stream->send(bytes_of(text)));
}

TEST_P(TlsStreamTest, FailedSendShows) {
  start();
  const linger reset{1, 0};
  ::setsockopt(pair.theirs, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  pair.theirs.reset();
  ASSERT_TRUE(run_until([&] { return stream->send(bytes_of("status")) && stream->send_error() != 0; }));
  EXPECT_TRUE(stream->send_error() == ECONNRESET || stream->send_error() == EPIPE) << stream->send_error();
  EXPECT_EQ(read(64).kind, Kind::kError);
}

TEST_P(TlsStreamTest, CloseFreesTheOwnerOnceAndGivesTheSpanBack) {
  start();
  auto span = std::make_unique<std::byte[]>(64);
  stream->arm({span.get(), 64});
  reactor->poll();
  stream->close();
  EXPECT_EQ(closed, 1);
  EXPECT_FALSE(stream->armed());
  server_writes("late");
  reactor->poll();
  EXPECT_EQ(span[0], std::byte{0});
  span.reset();
  EXPECT_EQ(read(8).kind, Kind::kClosed);
  EXPECT_TRUE(stream->send(bytes_of("x")));
  stream.reset();
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace millrace
