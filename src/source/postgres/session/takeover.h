// SPDX-License-Identifier: Apache-2.0
// A connection that libpq made becomes a socket that somebody else reads: nothing may be left in libpq's
// buffers.
#pragma once
#include <absl/status/statusor.h>
#include <openssl/types.h>

#include <memory>

#include "source/postgres/session/connection.h"

namespace millrace::postgres {

/// An idle session at the level of the protocol. From here on only one thread touches the descriptor and the
/// SSL object.
struct TakenSocket {
  int fd = -1;                  ///< Nonblocking.
  SSL* ssl = nullptr;           ///< nullptr: plain. Its BIO reads and writes `fd` through libpq's connection.
  std::shared_ptr<void> owner;  ///< Keeps both open; the last copy says goodbye to the server and closes.
};

/// @return Unavailable when the connection is not idle, has ended, or holds bytes that nobody would read any
/// more.
absl::StatusOr<TakenSocket> take_over(std::unique_ptr<Connection> connection);

}  // namespace millrace::postgres
