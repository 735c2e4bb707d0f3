// SPDX-License-Identifier: Apache-2.0
// A byte stream over a plain socket.
#pragma once
#include <functional>
#include <memory>

#include "runtime/byte_stream.h"
#include "runtime/reactor.h"

namespace millrace {

/// Takes a connected stream socket over; nobody else reads or writes it until it is closed. May be made on
/// any thread; belongs to the reactor's loop from its first use on. The reactor must outlive it.
/// @param on_close  frees what owns `fd` (or closes it). Runs once, in close(), on the thread that closes,
/// with the
///                  socket's O_NONBLOCK as it was found.
std::unique_ptr<ByteStream> make_socket_stream(Reactor& reactor, int fd, std::function<void()> on_close);

}  // namespace millrace
