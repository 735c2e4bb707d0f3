// SPDX-License-Identifier: Apache-2.0
#include "control/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "control/control_server.h"
#include "control/http_client.h"
#include "unit/control/raw_socket.h"
#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

HttpResponse echo(const HttpRequest& request) {
  return {200, "text/plain", "you asked for " + std::string(request.target)};
}

HttpServerOptions quick_options() {
  HttpServerOptions options;
  options.timeout = 300ms;
  options.tick_interval = 10ms;
  return options;
}

std::unique_ptr<HttpServer> start(HttpServerOptions options, HttpHandler handler = echo) {
  auto server = HttpServer::start(std::move(options), std::move(handler), [] {});
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

class HttpServerTest : public testing::Test {
 protected:
  std::string ask(std::string_view bytes) {
    RawSocket socket(server_->endpoint().port);
    socket.send(bytes);
    return socket.read_all();
  }
  std::unique_ptr<HttpServer> server_ = start(quick_options());
};

TEST_F(HttpServerTest, AnswersGet) {
  const std::string answer = ask("GET /metrics?x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer,
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/plain\r\n"),
                    HasSubstr("Content-Length: 24\r\n"), HasSubstr("\r\n\r\nyou asked for /metrics?x")));
}

TEST_F(HttpServerTest, HeadHasTheLengthAndNoBody) {
  const std::string answer = ask("HEAD /m HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 16\r\n"),
                            testing::EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  RawSocket socket(server_->endpoint().port);
  for (const char* target : {"/a", "/b"}) {
    socket.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(socket.read_until("you asked for " + std::string(target)), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  const std::string answers =
      ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
          "HEAD /2 HTTP/1.1\r\nHost: h\r\n\r\n"
          "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_LT(answers.find("you asked for /1"), answers.find("you asked for /3"));
  EXPECT_THAT(answers, Not(HasSubstr("for /2")));
}

struct Bad {
  const char* name;
  std::string bytes;
  const char* answer;  // the first line begins so; empty: closed without one
};
class RefusesRequest : public testing::TestWithParam<Bad> {
 protected:
  std::unique_ptr<HttpServer> server_ = start(quick_options());
};
TEST_P(RefusesRequest, WithAStatusAndGoesOn) {
  RawSocket socket(server_->endpoint().port);
  socket.send(GetParam().bytes);
  socket.end_of_input();
  const std::string answer = socket.read_all();
  if (*GetParam().answer == '\0') {
    EXPECT_THAT(answer, IsEmpty());
  } else {
    EXPECT_THAT(answer, StartsWith(GetParam().answer));
  }
  RawSocket next(server_->endpoint().port);
  next.send("GET /next HTTP/1.0\r\n\r\n");
  EXPECT_THAT(next.read_all(), HasSubstr("you asked for /next"));
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusesRequest,
    testing::Values(
        Bad{"nothing", "", ""}, Bad{"garbage", "\x01\x02\x03\r\n\r\n", "HTTP/1.1 400"},
        Bad{"tls_hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
            "HTTP/1.1 400"},
        Bad{"no_version", "GET /\r\n\r\n", "HTTP/1.1 400"},
        Bad{"http2", "GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505"},
        Bad{"http2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505"},
        Bad{"post", "POST /metrics HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405"},
        Bad{"delete", "DELETE /status HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405"},
        Bad{"unknown_method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405"},
        Bad{"connect", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405"},
        Bad{"get_with_body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413"},
        Bad{"huge_length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "HTTP/1.1 4"},
        Bad{"length_beyond_64_bits", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "HTTP/1.1 400"},
        Bad{"negative_length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400"},
        Bad{"two_lengths", "GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n",
            "HTTP/1.1 400"},
        Bad{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 4"},
        Bad{"smuggled", "GET / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 4"},
        Bad{"header_without_colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", "HTTP/1.1 400"},
        Bad{"nul_in_header", std::string("GET / HTTP/1.1\r\nA: \0b\r\n\r\n", 25), "HTTP/1.1 400"},
        Bad{"space_before_target", "GET  / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        Bad{"long_target", "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n", "HTTP/1.1 431"},
        Bad{"long_header", "GET / HTTP/1.1\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n", "HTTP/1.1 431"},
        Bad{"many_headers",
            [] {
              std::string bytes = "GET / HTTP/1.1\r\n";
              for (int i = 0; i < 5'000; ++i) bytes += "a: b\r\n";
              return bytes + "\r\n";
            }(),
            "HTTP/1.1 431"},
        Bad{"cut_in_the_header", "GET / HTTP/1.1\r\nHos", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(HttpServerTest, SlowRequestIsCutOffHoweverSteadilyItTrickles) {
  RawSocket socket(server_->endpoint().port);
  const auto began = std::chrono::steady_clock::now();
  socket.send("GET / HTTP/1.1\r\n");
  bool open = true;
  while (open && std::chrono::steady_clock::now() - began < 10s) {
    open = socket.send("a: b\r\n");
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_FALSE(open);
  EXPECT_THAT(socket.read_all(), IsEmpty());
  EXPECT_GE(std::chrono::steady_clock::now() - began, 250ms);
}

TEST_F(HttpServerTest, SilentConnectionIsClosed) {
  RawSocket socket(server_->endpoint().port);
  EXPECT_THAT(socket.read_all(), IsEmpty());
}

TEST(HttpServer, PeerThatDoesNotReadIsCutOff) {
  const auto server = start(quick_options(), [](const HttpRequest&) {
    return HttpResponse{200, "text/plain", std::string(64 << 20, 'x')};
  });
  RawSocket socket(server->endpoint().port);
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  std::this_thread::sleep_for(600ms);
  EXPECT_LT(socket.read_all().size(), std::size_t{64} << 20);
}

TEST(HttpServer, ManyConnectionsAreServedOneTooManyIsTold) {
  HttpServerOptions options = quick_options();
  options.timeout = 10s;
  options.connections_max = 16;
  const auto server = start(options);
  std::vector<RawSocket> sockets;
  for (int i = 0; i < 16; ++i) {
    RawSocket& socket = sockets.emplace_back(server->endpoint().port);
    socket.send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(socket.read_until("you asked for /" + std::to_string(i)), StartsWith("HTTP/1.1 200"));
  }
  {
    RawSocket surplus(server->endpoint().port);
    EXPECT_THAT(surplus.read_all(), StartsWith("HTTP/1.1 503"));
  }
  sockets.pop_back();
  // The server has to see the close before there is room again.
  for (int attempt = 0; attempt < 200; ++attempt) {
    RawSocket again(server->endpoint().port);
    again.send("GET /again HTTP/1.0\r\n\r\n");
    if (again.read_all().starts_with("HTTP/1.1 200")) return;
    std::this_thread::sleep_for(10ms);
  }
  FAIL() << "no room after a connection closed";
}

TEST(HttpServer, PortInUseIsSaid) {
  const auto first = start(quick_options());
  HttpServerOptions options = quick_options();
  options.endpoint.port = first->endpoint().port;
  const auto second = HttpServer::start(options, echo, [] {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr("127.0.0.1:" + std::to_string(options.endpoint.port)), HasSubstr("in use")));
}

struct BadAddress {
  const char* name;
  const char* host;
  absl::StatusCode code;
};
class RefusesAddress : public testing::TestWithParam<BadAddress> {};
TEST_P(RefusesAddress, WithWords) {
  HttpServerOptions options;
  options.endpoint.host = GetParam().host;
  const auto server = HttpServer::start(options, echo, [] {});
  EXPECT_EQ(server.status().code(), GetParam().code);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr(GetParam().host));
}
INSTANTIATE_TEST_SUITE_P(Table, RefusesAddress,
                         testing::Values(BadAddress{"a_name", "example.invalid",
                                                    absl::StatusCode::kInvalidArgument},
                                         BadAddress{"empty", "", absl::StatusCode::kInvalidArgument},
                                         BadAddress{"not_ours", "192.0.2.1", absl::StatusCode::kUnavailable}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HttpServer, TicksAndStopsWithRequestsInProgress) {
  std::atomic<int> ticks{0};
  for (int round = 0; round < 5; ++round) {
    auto server = HttpServer::start(quick_options(), echo, [&ticks] { ++ticks; });
    ASSERT_TRUE(server.ok()) << server.status();
    RawSocket idle((*server)->endpoint().port);
    RawSocket half((*server)->endpoint().port);
    half.send("GET / HTTP/1.1\r\nHo");
    const int before = ticks;
    while (ticks == before) std::this_thread::sleep_for(1ms);
    server->reset();
    EXPECT_THAT(half.read_all(), IsEmpty());
  }
  const int after = ticks;
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(ticks, after);
}

TEST(HttpServer, HandlerThatThrowsCostsOnlyItsConnection) {
  const auto server = start(quick_options(), [](const HttpRequest& request) -> HttpResponse {
    if (request.path() == "/throw") throw std::bad_alloc();
    return echo(request);
  });
  RawSocket socket(server->endpoint().port);
  socket.send("GET /throw HTTP/1.0\r\n\r\n");
  EXPECT_THAT(socket.read_all(), IsEmpty());
  const auto answer = http_get(server->endpoint(), "/fine", 5s);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "you asked for /fine");
}

TEST(HttpClient, GetsStatusTypeAndBody) {
  const auto server =
      start(quick_options(), [](const HttpRequest&) { return HttpResponse{503, "application/json", "{}"}; });
  const auto answer = http_get(server->endpoint(), "/healthz", 5s);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 503U);
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(answer->body, "{}");
}

TEST(HttpClient, NobodyListeningIsUnavailableAndNamesTheAddress) {
  Endpoint gone;
  {
    const auto server = start(quick_options());
    gone = server->endpoint();
  }
  const auto answer = http_get(gone, "/status", 5s);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr(to_string(gone)));
}

TEST(HttpClient, SilentServerIsADeadline) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  socklen_t size = sizeof(address);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const auto answer = http_get({"127.0.0.1", ntohs(address.sin_port)}, "/status", 200ms);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded) << answer.status();
  ::close(listener);
}

// The whole server, from several threads while the snapshots change.
TEST(ControlServer, ServesEveryPageWhileSnapshotsChange) {
  metrics::Registry registry;
  std::atomic<std::uint64_t> raw{1};
  HttpServerOptions options = quick_options();
  options.timeout = 10s;
  const auto server = start_control_server(options, {"1.2.3", "abc", {}}, registry, [&raw] {
    return std::vector{streaming_at(raw.load()), everything("invoices")};
  });
  ASSERT_TRUE(server.ok()) << server.status();
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (const char* page : {"/", "/status", "/healthz", "/readyz", "/metrics"}) {
        const auto answer = http_get((*server)->endpoint(), page, 10s);
        if (answer.ok() && answer->status == 200) ++good;
      }
    });
  }
  metrics::Counter& records = registry.counter(metrics::Family::kRecords, {"orders"});
  for (int i = 0; i < 1'000; ++i) {
    ++raw;
    records.add();
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 20);
}

}  // namespace
}  // namespace millrace::control
