// SPDX-License-Identifier: Apache-2.0
// Reading a loopback connection on which every row is a send of its own, as the walsender does it: rows per
// second, and how many rows a receive brought, with and without gathering.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/gather_policy.h"
#include "runtime/reactor.h"
#include "runtime/socket_stream.h"
#include "runtime/threads.h"

namespace millrace {
namespace {

constexpr std::size_t kRowBytes = 124;
constexpr std::size_t kRows = 300'000;

bool connect_loopback(int& reader, int& writer) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bool ok =
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0 && ::listen(listener, 1) == 0;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  reader = ::socket(AF_INET, SOCK_STREAM, 0);
  ok = ok && ::connect(reader, reinterpret_cast<const sockaddr*>(&address), size) == 0;
  writer = ::accept(listener, nullptr, nullptr);
  const int one = 1;
  ::setsockopt(writer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  ::close(listener);
  return ok && writer >= 0;
}

void write_rows(int fd) {
  std::array<char, kRowBytes> row{};
  for (std::size_t i = 0; i < kRows; ++i) {
    std::memcpy(row.data(), &i, sizeof(i));
    if (::send(fd, row.data(), row.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(row.size())) break;
  }
  ::close(fd);
}

void BM_ReceiveRows(benchmark::State& state, Reactor::Kind kind, GatherPolicy::Mode mode) {
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = Reactor::create(kind);
  if (!reactor.ok()) return state.SkipWithError("io_uring is not available");
  const std::vector<int> cores = usable_cores();
  static_cast<void>(pin_thread(std::vector<int>{cores.back()}));
  std::vector<std::byte> buffer(256 * 1024);
  std::int64_t receives = 0;
  for (auto _ : state) {
    int ours = -1, theirs = -1;
    if (!connect_loopback(ours, theirs)) return state.SkipWithError("no loopback connection");
    const std::unique_ptr<ByteStream> stream = make_socket_stream(**reactor, ours, [ours] { ::close(ours); });
    GatherPolicy policy(mode);
    std::size_t received = 0;
    const std::int64_t begin_us = monotonic_us();
    std::thread writer([&] {
      static_cast<void>(pin_thread(std::vector<int>{cores.front()}));
      write_rows(theirs);
    });
    for (bool more = true; more;) {
      stream->arm(buffer);
      ReadOutcome outcome;
      for ((*reactor)->poll(); (outcome = stream->take()).kind == ReadOutcome::Kind::kPending;) {
        (*reactor)->wait(INT64_MAX);
      }
      more = outcome.kind == ReadOutcome::Kind::kBytes;
      if (!more) break;
      ++receives;
      received += outcome.bytes;
      const std::int64_t now_us = monotonic_us();
      const std::int64_t pause_us = policy.pause_after({outcome.bytes, now_us, 0, false});
      if (pause_us > 0) (*reactor)->wait(now_us + pause_us);
    }
    state.SetIterationTime(static_cast<double>(monotonic_us() - begin_us) / 1e6);
    writer.join();
    if (received != kRows * kRowBytes) return state.SkipWithError("bytes were lost");
  }
  static_cast<void>(pin_thread(cores));
  const auto rows = state.iterations() * static_cast<std::int64_t>(kRows);
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(rows * static_cast<std::int64_t>(kRowBytes));
  state.counters["rows_per_receive"] = static_cast<double>(rows) / static_cast<double>(receives);
}
BENCHMARK_CAPTURE(BM_ReceiveRows, uring_at_once, Reactor::Kind::kIoUring, GatherPolicy::Mode::kOff)
    ->UseManualTime();
BENCHMARK_CAPTURE(BM_ReceiveRows, uring_adaptive, Reactor::Kind::kIoUring, GatherPolicy::Mode::kAdaptive)
    ->UseManualTime();
BENCHMARK_CAPTURE(BM_ReceiveRows, uring_always, Reactor::Kind::kIoUring, GatherPolicy::Mode::kAlways)
    ->UseManualTime();
BENCHMARK_CAPTURE(BM_ReceiveRows, plain_at_once, Reactor::Kind::kPlain, GatherPolicy::Mode::kOff)
    ->UseManualTime();
BENCHMARK_CAPTURE(BM_ReceiveRows, plain_adaptive, Reactor::Kind::kPlain, GatherPolicy::Mode::kAdaptive)
    ->UseManualTime();

}  // namespace
}  // namespace millrace
