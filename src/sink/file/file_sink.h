// SPDX-License-Identifier: Apache-2.0
// JSON lines to a file or to stdout: the embedded default.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/reactor.h"
#include "sink/file/line_format.h"
#include "sink/record_sink.h"

namespace millrace {

struct FileSinkOptions {
  enum class Fsync : std::uint8_t { kNever, kInterval, kAlways };
  std::string path;                     ///< Empty: stdout.
  std::uint64_t rotate_bytes = 0;       ///< 0: never by size.
  std::int64_t rotate_interval_us = 0;  ///< 0: never by time.
  Fsync fsync = Fsync::kInterval;
  std::int64_t fsync_interval_us = 1'000'000;
  std::vector<LineFormat::Header> context_headers;
  std::uint32_t partitions = 1;
  /// Asked while open() waits for a named pipe's reader or reads a long tail: true ends it with Cancelled.
  std::function<bool()> stop_requested = [] { return false; };
};

/// A record is delivered when its line is on disk by the fsync policy; with kNever, on pipes, terminals and
/// devices: when the kernel has it. After a crash the file is continued behind its last whole line: lines
/// behind the checkpoint are compared with the records that come again, and not written twice. stdout cannot
/// be read back: it may repeat.
std::unique_ptr<RecordSink> make_file_sink(FileSinkOptions options, Reactor& reactor);

}  // namespace millrace
