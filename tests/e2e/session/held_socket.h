// SPDX-License-Identifier: Apache-2.0
// A taken-over socket that a test talks to with blocking calls: proves that the session is whole and in step.
#pragma once
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "runtime/byte_stream.h"
#include "source/postgres/session/takeover.h"

namespace millrace::postgres::testing {

/// A message of the server: its type and its body. Type '\0': the connection ended.
struct Message {
  char type = '\0';
  std::string body;
};

class HeldSocket final : public ByteStream {
 public:
  explicit HeldSocket(TakenSocket socket) : socket_(std::move(socket)) {}

  bool encrypted() const { return socket_.ssl != nullptr; }

  void query(std::string_view sql) {
    std::string message = "Q";
    const auto length = __builtin_bswap32(static_cast<std::uint32_t>(sql.size() + 5));
    message.append(reinterpret_cast<const char*>(&length), 4);
    message.append(sql).push_back('\0');
    for (std::size_t sent = 0; sent < message.size();) {
      const auto left = message.size() - sent;
      const auto n = socket_.ssl != nullptr
                         ? SSL_write(socket_.ssl, message.data() + sent, static_cast<int>(left))
                         : write(socket_.fd, message.data() + sent, left);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
  }

  Message read_message(int patience_ms = 10'000) {
    const std::string head = read_bytes(5, patience_ms);
    if (head.size() < 5) return {};
    std::uint32_t length = 0;
    std::memcpy(&length, head.data() + 1, 4);
    return {head[0], read_bytes(__builtin_bswap32(length) - 4, patience_ms)};
  }

  void arm(std::span<std::byte>) override {}
  bool armed() const noexcept override { return false; }
  ReadOutcome take() override { return {}; }
  bool send(std::span<const std::byte>) override { return false; }
  bool sending() const noexcept override { return false; }
  int send_error() const noexcept override { return 0; }
  bool prepare_for_pauses() noexcept override { return false; }
  void close() override { socket_ = {}; }

 private:
  std::string read_bytes(std::size_t count, int patience_ms) {
    std::string out(count, '\0');
    std::size_t have = 0;
    while (have < count) {
      const auto n = socket_.ssl != nullptr
                         ? SSL_read(socket_.ssl, out.data() + have, static_cast<int>(count - have))
                         : read(socket_.fd, out.data() + have, count - have);
      if (n > 0) {
        have += static_cast<std::size_t>(n);
        continue;
      }
      pollfd waiting{socket_.fd, POLLIN, 0};
      if (n == 0 || poll(&waiting, 1, patience_ms) <= 0) break;
    }
    out.resize(have);
    return out;
  }

  TakenSocket socket_;
};

}  // namespace millrace::postgres::testing
