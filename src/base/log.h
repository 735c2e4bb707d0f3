// SPDX-License-Identifier: Apache-2.0
// Log lines to stderr: JSON for machines, words for a person at a terminal.
//
//   log_info("postgres", "slot created", {{"slot", name}, {"lsn", lsn_text}});
//   {"ts":"2026-01-02T03:04:05.678Z","level":"info","component":"postgres","msg":"slot
//   created","slot":"s","lsn":"0/1"}
//
// Any thread may call. A line is written with one write(2), so lines of threads never mix. Fields name
// things; whoever fills them keeps secrets and row values out (Secret does not convert to a field).
#pragma once
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace millrace {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat : std::uint8_t { kAuto, kJson, kText };  ///< kAuto: text when stderr is a terminal.

std::string_view to_string(LogLevel level) noexcept;

/// A named value of a log line. Views its name and text: build it in the call.
struct LogField {
  using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;
  std::string_view name;
  Value value;

  LogField(std::string_view field, bool v) noexcept : name(field), value(v) {}
  LogField(std::string_view field, double v) noexcept : name(field), value(v) {}
  LogField(std::string_view field, std::string_view v) noexcept : name(field), value(v) {}
  LogField(std::string_view field, const std::string& v) noexcept : name(field), value(std::string_view(v)) {}
  LogField(std::string_view field, const char* v) noexcept : name(field), value(std::string_view(v)) {}
  template <std::signed_integral T>
  LogField(std::string_view field, T v) noexcept : name(field), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view field, T v) noexcept : name(field), value(static_cast<std::uint64_t>(v)) {}
};
using LogFields = std::initializer_list<LogField>;

/// Sets the level and the format for the whole process. Any time, any thread.
void configure_log(LogLevel level, LogFormat format) noexcept;
/// Where lines go: a descriptor that stays open. Default 2.
void set_log_descriptor(int fd) noexcept;

/// The line that stays below the log on a terminal, redrawn after each log line; empty takes it away. One
/// line, no control characters, not wider than the terminal. Only with text lines.
void set_log_status_line(std::string_view text);

bool log_enabled(LogLevel level) noexcept;

void log(LogLevel level, std::string_view component, std::string_view message, LogFields fields = {});
inline void log_debug(std::string_view component, std::string_view message, LogFields fields = {}) {
  if (log_enabled(LogLevel::kDebug)) log(LogLevel::kDebug, component, message, fields);
}
inline void log_info(std::string_view component, std::string_view message, LogFields fields = {}) {
  log(LogLevel::kInfo, component, message, fields);
}
inline void log_warn(std::string_view component, std::string_view message, LogFields fields = {}) {
  log(LogLevel::kWarn, component, message, fields);
}
inline void log_error(std::string_view component, std::string_view message, LogFields fields = {}) {
  log(LogLevel::kError, component, message, fields);
}

/// Names the pipeline this thread works for; every line of the thread carries it. Views `name` until
/// destroyed.
class LogPipelineScope {
 public:
  explicit LogPipelineScope(std::string_view name) noexcept;
  ~LogPipelineScope();
  LogPipelineScope(const LogPipelineScope&) = delete;
  LogPipelineScope& operator=(const LogPipelineScope&) = delete;

 private:
  std::string_view previous_;
};

/// Lets one line through per interval and counts the rest: for trouble that repeats per row or per retry.
///   if (auto skipped = limit_.admit(now)) log_warn("sink", "slow", {{"suppressed", *skipped}});
/// Any thread may call.
class LogRateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  explicit LogRateLimit(std::chrono::milliseconds interval) noexcept : interval_(interval) {}
  /// @return how many were held back since the last line that passed, or nothing when this one is held back.
  std::optional<std::uint64_t> admit(Clock::time_point now) noexcept;

 private:
  std::chrono::milliseconds interval_;
  std::atomic<Clock::rep> next_{0};  // ticks of Clock; whoever moves it forward may log
  std::atomic<std::uint64_t> held_back_{0};
};

/// The line as it would be written, newline included. For tests, and for whoever writes elsewhere.
std::string format_log_line(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                            std::string_view pipeline, std::string_view component, std::string_view message,
                            LogFields fields);

}  // namespace millrace
