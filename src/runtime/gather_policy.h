// SPDX-License-Identifier: Apache-2.0
// When to read next: at once while the stream is quiet, after a short pause while it is busy. A server that
// writes one small piece per row is slowed by a reader that wakes for each; pausing lets pieces gather in the
// socket.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace {

/// Pure: time and facts come in, a pause goes out. Only the next read is delayed; what has been read is
/// handed on.
class GatherPolicy {
 public:
  enum class Mode : std::uint8_t { kAdaptive, kOff, kAlways };

  static constexpr std::int64_t kBusyBytesPerMs =
      8 * 1024;  // saturated small rows: 23 KiB; 10,000 tx/s: 2.3 KiB
  static constexpr std::int64_t kBacklogLagUs = 2'000;
  static constexpr std::int64_t kPauseMinUs = 25;

  struct Limits {
    std::int64_t pause_max_us;
    std::int64_t gather_bytes;  ///< A pause is no longer than these take to arrive.
    std::int64_t again_bytes;   ///< A read of so many after a pause is followed by another at once.
  };
  // Each wake-up costs both sides; drained small rows cost us 1.8 us each at 100, 1.3 at 200 and 1.0 at 400.
  // The receive window begins at 64 KiB, and a server that has filled it waits.
  static constexpr Limits kAcross{400, 32 * 1024, INT64_MAX};
  // Over TCP within the machine the server's socket holds megabytes, and what it writes while we pause costs
  // it half (fix_window_within_host()): a drained row of 1 KB takes it 6.3 us with the limits above and 3.8
  // with these, a small one 3.3 to 6.0 and 3.4. With again_bytes above 20 KiB reads of a full window look
  // like the end.
  static constexpr Limits kWithinHost{10'000, 512 * 1024, 8 * 1024};

  struct Read {
    std::size_t bytes = 0;
    std::int64_t at_us = 0;  ///< monotonic
    std::int64_t lag_us =
        0;  ///< Server's send time minus the commit time: its own clock twice. 0: not known.
    bool reply_requested = false;  ///< The server waits for an answer: no pause.
  };

  explicit GatherPolicy(Mode mode) noexcept : mode_(mode) {}

  /// A new connection.
  void begin(const Limits& limits) noexcept;

  /// How long to leave the socket alone before the next read. Call once per read that brought bytes.
  std::int64_t pause_after(const Read& read) noexcept;

 private:
  static constexpr std::int64_t kStepUs = 125;
  static constexpr std::int64_t kSteps = 8;
  void add(std::int64_t bytes, std::int64_t at_us) noexcept;
  void forget() noexcept;

  const Mode mode_;
  std::array<std::int64_t, kSteps> steps_{};  // bytes per kStepUs, as a ring; their sum is window_bytes_
  std::int64_t window_bytes_ = 0;
  std::int64_t step_ = 0;  // number of the newest step
  Limits limits_ = kAcross;
  // The last pause: what the rate lets it bring (-1: none was given), when it began, how long it was.
  std::int64_t promised_bytes_ = -1;
  std::int64_t paused_at_us_ = 0;
  std::int64_t pause_us_ = 0;
  std::int64_t gathered_bytes_ = 0;  // since then
};

}  // namespace millrace
