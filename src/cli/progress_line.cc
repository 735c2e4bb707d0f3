// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_line.h"

#include "base/concat.h"
#include "base/json_text.h"
#include "cli/quantities.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace millrace::cli {
namespace {

/// Without control characters: a name may come from anywhere.
std::string printable(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

/// Columns, taking every code point for one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string cut(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < columns && end < text.size(); ++i)
    end += std::max<std::size_t>(utf8_length(text.substr(end)), 1);
  return std::string(text.substr(0, end));
}

std::uint64_t whole(double value) {
  return value > 0 && value < 1e18 ? static_cast<std::uint64_t>(std::llround(value)) : 0;
}

/// Most important first.
std::vector<std::string> parts_of(const ProgressSnapshot& pipeline, std::size_t others) {
  std::vector<std::string> parts{printable(pipeline.pipeline), printable(pipeline.phase)};
  const std::string rate = concat(short_count(whole(pipeline.rows_per_second)), "/s");
  if (pipeline.rows_total && *pipeline.rows_total > 0) {
    const std::uint64_t total = std::max(*pipeline.rows_total, pipeline.rows);  // an estimate may be too low
    const auto percent =
        static_cast<int>(100.0 * static_cast<double>(pipeline.rows) / static_cast<double>(total));
    parts.push_back(concat(percent, "%"));
    parts.push_back(concat(short_count(pipeline.rows), " of ", short_count(total), " rows"));
    parts.push_back(rate);
    if (pipeline.rows_per_second >= 1) {
      const double seconds = static_cast<double>(total - pipeline.rows) / pipeline.rows_per_second;
      const std::uint64_t eta = whole(seconds);
      parts.push_back(eta < 60 ? concat("ETA ", eta, " s") : concat("ETA ", short_duration_ms(eta * 1000)));
    }
  } else {
    parts.push_back(concat(short_count(pipeline.rows), " rows"));
    parts.push_back(rate);
  }
  if (pipeline.lag_bytes)
    parts.push_back(*pipeline.lag_bytes == 0 ? "caught up"
                                             : concat(short_bytes(*pipeline.lag_bytes), " behind"));
  if (pipeline.lag_ms && *pipeline.lag_ms >= 1000) parts.push_back(short_duration_ms(*pipeline.lag_ms));
  if (others > 0) parts.push_back(concat("+", others, others == 1 ? " pipeline" : " pipelines"));
  return parts;
}

}  // namespace

std::string format_progress_line(std::span<const ProgressSnapshot> pipelines, std::size_t columns) {
  if (pipelines.empty() || columns == 0) return "";
  const auto busiest = std::ranges::max_element(pipelines, {}, &ProgressSnapshot::rows_per_second);
  std::string line;
  for (const std::string& part : parts_of(*busiest, pipelines.size() - 1)) {
    const std::string longer = line.empty() ? part : concat(line, "  ", part);
    if (width_of(longer) > columns) return line.empty() ? cut(longer, columns) : line;
    line = longer;
  }
  return line;
}

}  // namespace millrace::cli
