// SPDX-License-Identifier: Apache-2.0
// A record as a line of JSON: what the file and stdout sinks write.
//
//   {"topic":"p.public.t","partition":0,"key":{...},"value":{...},"headers":{"name":"text",...}}
//
// Keys and values are the messages' own JSON, or null. The run id is the last header, so that everything that
// differs when the line is written again lies at known places: the value's volatile span, and the id at a
// fixed distance from the end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "change/record.h"

namespace millrace {

class LineFormat {
 public:
  using Header = std::pair<std::string, std::string>;

  /// @param context_headers  printed with every record that carries them; the last one is the run's id. May
  /// be empty.
  LineFormat(const std::vector<Header>& context_headers, std::uint32_t partitions);

  /// Appends the record's line, line feed included.
  /// @return where in the line the value begins.
  std::size_t append_line(std::string& out, const Record& record) const;

  /// True when `line` (with its line feed) is what append_line() would write for `record`, but for what
  /// differs when a record is made again.
  bool same(std::string_view line, const Record& record, std::string& scratch) const;

  enum class Likeness : std::uint8_t { kOther, kSame, kSameWithOtherKey };
  /// Whether both tell of the same change, though its text may differ: the catalog that describes the table
  /// (its defaults, its key) or the program is another one than when the line was written. Topic,
  /// transaction, place in the log, operation and key are compared; where the key is made of other columns
  /// now, the rows are. For a line that is not same(); `scratch` is what that left.
  /// @param after_other_key  the line before was kSameWithOtherKey: so may its tombstone be.
  static Likeness compare_changes(std::string_view line, std::string_view scratch, bool after_other_key);

 private:
  std::string context_;  ///< "name":"text",... with the run id, without braces
  std::size_t run_id_bytes_ = 0;
  std::uint32_t partitions_;
};

}  // namespace millrace
