// SPDX-License-Identifier: Apache-2.0
// The line below the log on a terminal. A pure function; set_log_status_line() draws it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::cli {

/// A pipeline at a moment.
struct ProgressSnapshot {
  std::string_view pipeline;
  std::string_view phase;  ///< snapshotting, streaming, reconnecting ...
  std::uint64_t rows = 0;  ///< Since the start, or of the snapshot while it runs.
  double rows_per_second = 0;
  std::optional<std::uint64_t> lag_bytes{};   ///< Behind the server's end of WAL.
  std::optional<std::uint64_t> lag_ms{};      ///< Behind the source's clock.
  std::optional<std::uint64_t> rows_total{};  ///< Where there is an end: the snapshot's estimate.
};

/// `orders  streaming  1.2M rows  182k/s  12.3 MiB behind  1.4 s` and `orders  snapshotting  34%  3.4M
/// of 10.0M rows 182k/s  ETA 0:37`. With several pipelines the busiest is shown, and how many more there are.
/// Never wider than `columns`: parts are left out from the end, and what remains is cut at a code point.
std::string format_progress_line(std::span<const ProgressSnapshot> pipelines, std::size_t columns);

}  // namespace millrace::cli
