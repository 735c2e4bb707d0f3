// SPDX-License-Identifier: Apache-2.0
#include "sim/conformance/history.h"

#include <cstdio>
#include <string>

#include "sim/postgres/database.h"
#include "sim/postgres/walsender.h"

namespace millrace::sim {

int print_history(std::uint64_t seed, std::string_view mode) {
  if (mode != "whole" && mode != "streamed" && mode != "parallel" && mode != "two_phase") return 2;
  Random random(seed);
  ModelClock clock;
  Ledger ledger(1);
  WorkloadOptions workload;
  workload.prepare = mode == "two_phase";
  workload.shapes = workload.origins = false;  // a server streams neither as soon as it is written
  workload.own_rows = true;
  workload.pause_us = 5'000;
  Database database(workload, clock, ledger);
  database.on_statement = [](std::uint64_t client, const std::string& sql) {
    std::printf("%llu\t%s\n", static_cast<unsigned long long>(client), sql.c_str());
  };
  for (int i = 0; i < 30; ++i) {
    database.begin_transaction(random.next());
    for (std::uint64_t n = random.below(12); n > 0; --n) {
      clock.advance_to(clock.monotonic_us() + random.between(0, 2'000));
      database.step(clock.monotonic_us());
    }
    if (random.percent(20)) database.emit_message(random.next());
  }
  while (!database.idle()) {
    clock.advance_to(database.next_deadline_us());
    database.step(clock.monotonic_us());
  }
  DecodingOptions options;
  options.messages = true;
  options.streaming = mode != "whole";
  options.parallel = mode == "parallel";
  options.two_phase = mode == "two_phase";
  options.changes_in_memory = 0;  // as debug_logical_replication_streaming = immediate
  Walsender walsender(database.wal(), options, 0, clock);
  std::printf("messages\n");
  for (std::string frame = walsender.next_frame(); !frame.empty(); frame = walsender.next_frame()) {
    for (const char byte : frame)
      std::printf("%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    std::printf("\n");
  }
  return 0;
}

}  // namespace millrace::sim
