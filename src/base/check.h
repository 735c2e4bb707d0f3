// SPDX-License-Identifier: Apache-2.0
// Broken invariants stop the program before it acknowledges anything; debug builds check who calls.
#pragma once
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#ifndef NDEBUG
#include <atomic>
#include <thread>
#endif

namespace millrace {

/// One line to stderr with one write(2), then abort(). No allocation: the heap may be what is broken.
[[noreturn]] inline void check_failed(const char* file, int line, const char* condition,
                                      std::string_view message) noexcept {
  char text[512];
  int size =
      std::snprintf(text, sizeof(text), "%s:%d: broken invariant: %.*s (%s)\n", file, line,
                    static_cast<int>(message.size() < 300 ? message.size() : 300), message.data(), condition);
  if (size >= static_cast<int>(sizeof(text))) size = static_cast<int>(sizeof(text)) - 1;
  if (size > 0 && ::write(2, text, static_cast<std::size_t>(size)) < 0) std::abort();
  std::abort();
}

/// Asserts that an object is used on one thread: the first that calls check(), until adopt() makes it
/// another. Release builds check nothing.
class OwnerCheck {
 public:
#ifdef NDEBUG
  void check() const noexcept {}
  void adopt() noexcept {}
#else
  void check() const noexcept {
    const std::thread::id self = std::this_thread::get_id();
    std::thread::id owner{};
    if (!owner_.compare_exchange_strong(owner, self, std::memory_order_relaxed) && owner != self) {
      check_failed(__FILE__, __LINE__, "owner == this thread",
                   "an object was used on a thread that does not own it");
    }
  }
  /// From here on the calling thread is the owner. What handed the object over (a ring, a join) orders the
  /// memory.
  void adopt() noexcept { owner_.store(std::this_thread::get_id(), std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::thread::id> owner_{};
#endif
};

}  // namespace millrace

/// Stops the program when `condition` is false, in every build. `message` says which promise is broken.
#define MILLRACE_CHECK(condition, message)                               \
  do {                                                                   \
    if (!(condition)) [[unlikely]] {                                     \
      ::millrace::check_failed(__FILE__, __LINE__, #condition, message); \
    }                                                                    \
  } while (false)
