// SPDX-License-Identifier: Apache-2.0
// What the encoder's tests share: options, tables, and parts of envelopes.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/encoders/encoders.h"
#include "support/change_batch.h"

namespace millrace::test {

inline debezium::EnvelopeOptions plain_options() {
  debezium::EnvelopeOptions options;
  options.version = "3.6.1.Final";
  options.topic_prefix = "p";
  options.database = "db";
  options.key_schemas = false;
  options.value_schemas = false;
  return options;
}

/// t(id int primary key, v text), the table of contract 1.11.
inline TestTable skeleton() {
  TestTable table;
  table.columns = {{"id", 23, -1, true, {}}, {"v", 25, -1, false, {}}};
  table.primary_key = {"id"};
  return table;
}

/// A record in a line: key | op before -> after, with "-" for what is null, and the key-change header behind.
inline std::string told(const EncodedRecord& record) {
  std::string out = record.key.value_or("-") + " | ";
  if (!record.value) {
    out += "tombstone";
  } else {
    const std::string& value = *record.value;
    const auto part = [&value](std::string_view from, std::string_view to) {
      const std::size_t begin = value.find(from) + from.size();
      return value.substr(begin, value.find(to, begin) - begin);
    };
    const std::string before = part("{\"before\":", ",\"after\":");
    const std::string after = part(",\"after\":", ",\"source\":");
    out += part("\"op\":\"", "\"") + " " + (before == "null" ? "-" : before) + " -> " +
           (after == "null" ? "-" : after);
  }
  if (record.header) out += (record.header_is_new_key ? " newkey " : " oldkey ") + *record.header;
  return out;
}

inline std::vector<std::string> told(const EncodedBatch& batch) {
  std::vector<std::string> out;
  for (const EncodedRecord& record : batch.records) out.push_back(told(record));
  return out;
}

inline EncodedBatch encode(const ChangeBatch& changes,
                           const debezium::EnvelopeOptions& options = plain_options()) {
  return encode_all(*make_postgres_debezium_json_encoder(options), changes.batch());
}

}  // namespace millrace::test
