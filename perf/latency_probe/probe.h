// SPDX-License-Identifier: Apache-2.0
// Writes rows into PostgreSQL at a fixed rate and reads their change events from Kafka: each row carries the
// clock of its making, so that an event tells how old it is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::latency {

struct Options {
  std::string conninfo;   // libpq's
  std::string bootstrap;  // bootstrap.servers
  std::string topic;      // one partition, message.timestamp.type=LogAppendTime
  std::string table;      // (id bigint, sent_us bigint)
  int rate = 1000;        // transactions a second
  int seconds = 10;
  std::int64_t first_id = 0;
};

/// Of one row, in the order of the topic.
struct Sample {
  std::int64_t id = 0;
  std::int64_t sent_us = 0;
  std::int64_t appended_ms = 0;  // the broker's clock, which counts no finer
  std::int64_t read_us = 0;      // when the consumer held it
};

/// Microseconds since 1970: writer, broker and reader are on one machine and share its clock.
inline std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Inserts a row per transaction on time, whether or not earlier ones are done. Returns the count of rows
/// that were written more than 100 ms late, because server or machine could not keep the rate. Throws
/// std::runtime_error.
std::size_t write_rows(const Options& options);

/// Reads from the end of the topic as it is when `ready` is called, until `count` rows have come or none has
/// for 20 s. Throws std::runtime_error.
std::vector<Sample> read_rows(const Options& options, std::size_t count, void (*ready)());

}  // namespace millrace::latency
