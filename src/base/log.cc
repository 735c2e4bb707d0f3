// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/concat.h"
#include "base/json_text.h"

#include <unistd.h>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace millrace {
namespace {

struct LogState {
  std::atomic<LogLevel> level{LogLevel::kInfo};
  std::atomic<LogFormat> format{LogFormat::kAuto};
  std::atomic<int> descriptor{STDERR_FILENO};
  std::mutex terminal;      // guards status_line and the order of what is drawn
  std::string status_line;  // as last drawn
};

LogState& state() {
  static LogState* const instance = new LogState;  // never destroyed: threads may log while the process exits
  return *instance;
}

thread_local std::string_view thread_pipeline;

constexpr std::string_view kClearLine = "\r\x1b[K";

/// Writes all of it or gives up: there is nowhere to report that the log is broken.
void write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

LogFormat effective_format() noexcept {
  const LogFormat format = state().format.load(std::memory_order_relaxed);
  if (format != LogFormat::kAuto) return format;
  return ::isatty(state().descriptor.load(std::memory_order_relaxed)) == 1 ? LogFormat::kText
                                                                           : LogFormat::kJson;
}

void append_time(std::string& out, std::chrono::system_clock::time_point time, bool date) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>((ms >= 0 ? ms : ms - 999) / 1000);
  const int fraction = static_cast<int>(ms - static_cast<std::int64_t>(seconds) * 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  if (date) {
    std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                  utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, fraction);
  } else {
    std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d", utc.tm_hour, utc.tm_min, utc.tm_sec,
                  fraction);
  }
  out += text.data();
}

void append_value(std::string& out, const LogField::Value& value, bool json) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const bool bare = !json && !text->empty() && text->find_first_of(" \"=\n\t") == std::string_view::npos;
    if (!bare) out += '"';
    append_json_text(out, *text);
    if (!bare) out += '"';
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<double>(&value)) {
    if (std::isfinite(*number)) {
      append(out, *number);
    } else {
      out += "null";
    }
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    append(out, *integer);
  } else {
    append(out, std::get<std::uint64_t>(value));
  }
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append(out, ",\"", name, "\":\"");
  append_json_text(out, text);
  out += '"';
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "unknown";
}

void configure_log(LogLevel level, LogFormat format) noexcept {
  state().level.store(level, std::memory_order_relaxed);
  state().format.store(format, std::memory_order_relaxed);
}

void set_log_descriptor(int fd) noexcept { state().descriptor.store(fd, std::memory_order_relaxed); }

bool log_enabled(LogLevel level) noexcept {
  return level >= state().level.load(std::memory_order_relaxed) && level != LogLevel::kOff;
}

void set_log_status_line(std::string_view text) {
  LogState& log_state = state();
  const std::lock_guard lock(log_state.terminal);
  if (text.empty() && log_state.status_line.empty()) return;
  log_state.status_line = text;
  write_all(log_state.descriptor.load(std::memory_order_relaxed), concat(kClearLine, text));
}

void log(LogLevel level, std::string_view component, std::string_view message, LogFields fields) {
  if (!log_enabled(level)) return;
  LogState& log_state = state();
  const LogFormat format = effective_format();
  const std::string line = format_log_line(format, std::chrono::system_clock::now(), level, thread_pipeline,
                                           component, message, fields);
  const int fd = log_state.descriptor.load(std::memory_order_relaxed);
  if (format == LogFormat::kJson) return write_all(fd, line);
  const std::lock_guard lock(log_state.terminal);
  if (log_state.status_line.empty()) return write_all(fd, line);
  write_all(fd, concat(kClearLine, line, log_state.status_line));
}

std::string format_log_line(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                            std::string_view pipeline, std::string_view component, std::string_view message,
                            LogFields fields) {
  std::string out;
  out.reserve(160);
  if (format == LogFormat::kJson) {
    out += "{\"ts\":\"";
    append_time(out, time, true);
    append(out, "\",\"level\":\"", to_string(level), "\"");
    if (!pipeline.empty()) append_member(out, "pipeline", pipeline);
    append_member(out, "component", component);
    append_member(out, "msg", message);
    for (const LogField& field : fields) {
      out += ",\"";
      append_json_text(out, field.name);
      out += "\":";
      append_value(out, field.value, true);
    }
    out += "}\n";
    return out;
  }
  append_time(out, time, false);
  append(out, " ", to_string(level), level == LogLevel::kInfo || level == LogLevel::kWarn ? "  " : " ");
  if (!pipeline.empty()) {
    out += '[';
    append_json_text(out, pipeline);
    out += "] ";
  }
  append(out, component, ": ");
  append_json_text(out, message);
  for (const LogField& field : fields) {
    append(out, " ", field.name, "=");
    append_value(out, field.value, false);
  }
  out += '\n';
  return out;
}

LogPipelineScope::LogPipelineScope(std::string_view name) noexcept : previous_(thread_pipeline) {
  thread_pipeline = name;
}

LogPipelineScope::~LogPipelineScope() { thread_pipeline = previous_; }

std::optional<std::uint64_t> LogRateLimit::admit(Clock::time_point now) noexcept {
  Clock::rep next = next_.load(std::memory_order_relaxed);
  const Clock::rep ticks = now.time_since_epoch().count();
  const Clock::rep after = ticks + std::chrono::duration_cast<Clock::duration>(interval_).count();
  if (ticks < next || !next_.compare_exchange_strong(next, after, std::memory_order_relaxed)) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return held_back_.exchange(0, std::memory_order_relaxed);
}

}  // namespace millrace
