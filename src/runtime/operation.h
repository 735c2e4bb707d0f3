// SPDX-License-Identifier: Apache-2.0
// One thing asked of a reactor, as both implementations queue it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/reactor.h"

namespace millrace {

struct Operation {
  enum class Kind : std::uint8_t { kReceive, kSend, kWrite, kSync, kPoll, kCancel };
  Kind kind{};
  short events = 0;  // kPoll
  int fd = -1;
  std::byte* bytes = nullptr;  // kReceive writes there; kSend and kWrite only read
  std::size_t size = 0;
  std::int64_t offset = -1;    // kWrite
  Completion* done = nullptr;  // kCancel: whose operation
};

/// An operation that has ended and whose complete() has not run.
struct Ended {
  Completion* done = nullptr;
  int result = 0;
};

}  // namespace millrace
