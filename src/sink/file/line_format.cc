// SPDX-License-Identifier: Apache-2.0
#include "sink/file/line_format.h"

#include <algorithm>

#include "base/concat.h"
#include "base/json_text.h"

namespace millrace {

namespace {
std::string_view text(const std::byte* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
}  // namespace

LineFormat::LineFormat(const std::vector<Header>& context_headers, std::uint32_t partitions)
    : partitions_(partitions) {
  for (const auto& [name, value] : context_headers) {
    if (!context_.empty()) context_ += ',';
    append(context_, json_quoted(name), ":", json_quoted(value));
    run_id_bytes_ = value.size();
  }
}

std::size_t LineFormat::append_line(std::string& out, const Record& record) const {
  const std::size_t line_at = out.size();
  out += "{\"topic\":\"";
  out += record.topic->name;  // letters, digits, '.', '_' and '-' only
  append(out, "\",\"partition\":", record.partition_hash % partitions_, ",\"key\":");
  out += record.key == nullptr ? std::string_view("null") : text(record.key, record.key_size);
  out += ",\"value\":";
  const std::size_t value_at = out.size() - line_at;
  out += record.value == nullptr ? std::string_view("null") : text(record.value, record.value_size);
  const bool context = record.context_headers && !context_.empty();
  if (record.own_header != nullptr || context) {
    out += ",\"headers\":{";
    if (record.own_header != nullptr) {
      out += record.own_header_is_new_key ? "\"__debezium.newkey\":\"" : "\"__debezium.oldkey\":\"";
      append_json_text(out, text(record.own_header, record.own_header_size));
      out += context ? "\"," : "\"";
    }
    if (context) out += context_;
    out += '}';
  }
  out += "}\n";
  return value_at;
}

namespace {

std::string_view between(std::string_view line, std::size_t at, std::string_view end) {
  return at == std::string_view::npos ? std::string_view() : line.substr(at, line.find(end, at) - at);
}

// The source block stands behind the rows, and quotes inside texts are escaped: the last one is the
// envelope's.
std::string_view place_of(std::string_view line) {
  return between(line, line.rfind(",\"txId\":"), ",\"xmin\":");
}
std::string_view operation_of(std::string_view line) { return between(line, line.rfind("\"op\":\""), ","); }
std::size_t key_end(std::string_view line) {
  return std::min(line.find(",\"value\":{"), line.find(",\"value\":null"));
}
std::string_view topic_and_key_of(std::string_view line) { return line.substr(0, key_end(line)); }
std::string_view topic_of(std::string_view line) { return between(line, 0, "\",\"partition\":"); }
/// The row before and the row after.
std::string_view rows_of(std::string_view line) {
  const std::size_t begin = line.find("\"before\":", std::min(key_end(line), line.size()));
  const std::size_t end = line.rfind(",\"source\":{");
  return begin < end && end != std::string_view::npos ? line.substr(begin, end - begin) : std::string_view();
}

bool is_tombstone(std::string_view line) {
  return place_of(line).empty() && line.find(",\"value\":null") != std::string_view::npos;
}

}  // namespace

LineFormat::Likeness LineFormat::compare_changes(std::string_view line, std::string_view scratch,
                                                 bool after_other_key) {
  const bool same_key = topic_and_key_of(line) == topic_and_key_of(scratch);
  if (!same_key && topic_of(line) != topic_of(scratch)) return Likeness::kOther;
  if (is_tombstone(line) || is_tombstone(scratch)) {
    // It stands behind the delete it belongs to, and has its key.
    if (!is_tombstone(line) || !is_tombstone(scratch)) return Likeness::kOther;
    return same_key ? Likeness::kSame : after_other_key ? Likeness::kSameWithOtherKey : Likeness::kOther;
  }
  if (place_of(line).empty() || place_of(line) != place_of(scratch) ||
      operation_of(line) != operation_of(scratch)) {
    return Likeness::kOther;
  }
  if (same_key) return Likeness::kSame;
  const bool same_rows = !rows_of(line).empty() && rows_of(line) == rows_of(scratch);
  return same_rows ? Likeness::kSameWithOtherKey : Likeness::kOther;
}

bool LineFormat::same(std::string_view line, const Record& record, std::string& scratch) const {
  scratch.clear();
  const std::size_t value_at = append_line(scratch, record);
  const std::string_view again = scratch;
  // From the end: the run's id, then whatever stands between it and the volatile span.
  constexpr std::string_view kTail = "\"}}\n";
  std::size_t behind = 0;
  if (record.context_headers && !context_.empty()) {
    behind = kTail.size() + run_id_bytes_;
    if (line.size() < behind || line.substr(line.size() - kTail.size()) != kTail) return false;
  }
  if (record.value == nullptr || record.volatile_size == 0) {
    return line.size() == again.size() &&
           line.substr(0, line.size() - behind) == again.substr(0, again.size() - behind);
  }
  const std::size_t volatile_begin = value_at + record.volatile_at;
  const std::size_t volatile_end = volatile_begin + record.volatile_size;
  if (line.size() < volatile_begin || line.substr(0, volatile_begin) != again.substr(0, volatile_begin))
    return false;
  const std::size_t rest = again.size() - volatile_end;
  if (line.size() < volatile_begin + rest) return false;
  return line.substr(line.size() - rest, rest - behind) == again.substr(volatile_end, rest - behind);
}

}  // namespace millrace
