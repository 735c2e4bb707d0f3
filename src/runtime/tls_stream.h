// SPDX-License-Identifier: Apache-2.0
// A byte stream over TLS.
#pragma once
#include <openssl/ssl.h>

#include <functional>
#include <memory>

#include "runtime/byte_stream.h"
#include "runtime/reactor.h"

namespace millrace {

/// Takes a socket and its TLS session over, the handshake done and nothing read that was not handed out. The
/// reactor waits and OpenSSL reads, with read-ahead: without it every record costs two kernel reads. The
/// session keeps the BIO it has; without one it gets the socket's. May be made on any thread; belongs to the
/// reactor's loop from its first use on. The reactor must outlive it.
/// @param on_close  says goodbye if it wants to, and frees `ssl` and what owns `fd`. Runs once, in close(),
/// on the
///                  thread that closes, with the socket's O_NONBLOCK as it was found.
std::unique_ptr<ByteStream> make_tls_stream(Reactor& reactor, int fd, SSL* ssl,
                                            std::function<void()> on_close);

}  // namespace millrace
