// SPDX-License-Identifier: Apache-2.0
// Input: options, key, value, where the value's volatile span lies, own header, a place and a byte, then any
// line. A line that differs from the record's in the span or the run's id is the same record; with another
// byte anywhere else it is not.
#include <string>

#include "base/json_text.h"
#include "input.h"
#include "sink/file/line_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  using fuzz::require;
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t options = fuzz::take_byte(input);
  const std::string key(fuzz::text_of(fuzz::take_counted(input)));
  const std::string value(fuzz::text_of(fuzz::take_counted(input)));
  const std::string header(fuzz::text_of(fuzz::take_counted(input)));
  Topic topic;
  topic.name = "p.public.t";
  Record record;
  record.topic = &topic;
  if ((options & 1) != 0) {
    record.key = reinterpret_cast<const std::byte*>(key.data());
    record.key_size = static_cast<std::uint32_t>(key.size());
  }
  if ((options & 2) != 0) {
    record.value = reinterpret_cast<const std::byte*>(value.data());
    record.value_size = static_cast<std::uint32_t>(value.size());
    record.volatile_at = fuzz::take_byte(input) % (record.value_size + 1);
    record.volatile_size = fuzz::take_byte(input) % (record.value_size - record.volatile_at + 1);
  }
  if ((options & 4) != 0) {
    record.own_header = reinterpret_cast<const std::byte*>(header.data());
    record.own_header_size = static_cast<std::uint32_t>(header.size());
    record.own_header_is_new_key = (options & 8) != 0;
  }
  record.context_headers = (options & 16) != 0;
  record.partition_hash = fuzz::take_byte(input);
  const bool has_context = (options & 32) != 0;
  const auto format_of = [&](const std::string& run) {
    return LineFormat(has_context ? std::vector<LineFormat::Header>{{"a", "b"}, {"run", run}}
                                  : std::vector<LineFormat::Header>{},
                      3);
  };
  const LineFormat before = format_of("11111111");
  const LineFormat now = format_of("22222222");

  // The line as another run wrote it, at another time.
  const std::size_t place = fuzz::take_number(input, 2);
  const char byte = static_cast<char>(fuzz::take_byte(input));
  std::string made_before = value;
  for (std::size_t i = 0; i < record.volatile_size; ++i) made_before[record.volatile_at + i] = '7';
  Record old = record;
  if (record.value != nullptr) old.value = reinterpret_cast<const std::byte*>(made_before.data());
  std::string line;
  before.append_line(line, old);
  std::string scratch;
  require(now.same(line, record, scratch));

  // Where the span and the id lie, found the slow way.
  std::string head =
      "{\"topic\":\"p.public.t\",\"partition\":" + std::to_string(record.partition_hash % 3) + ",\"key\":";
  head += (record.key == nullptr ? "null" : key) + ",\"value\":";
  const std::size_t span_begin = head.size() + record.volatile_at;
  const std::size_t span_end = span_begin + (record.value == nullptr ? 0 : record.volatile_size);
  const bool has_id = has_context && record.context_headers;
  const std::size_t id_begin = has_id ? line.size() - 4 - 8 : line.size();
  const std::size_t at = place % line.size();
  const bool may_differ = (at >= span_begin && at < span_end) || (at >= id_begin && at < id_begin + 8);
  if (line[at] != byte) {
    std::string edited = line;
    edited[at] = byte;
    require(now.same(edited, record, scratch) == may_differ);
  }
  require(!now.same(line.substr(0, at), record, scratch) || record.volatile_size != 0);
  (void)now.same(fuzz::text_of(input), record, scratch);
  return 0;
}
