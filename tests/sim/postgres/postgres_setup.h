// SPDX-License-Identifier: Apache-2.0
// How a seed sets up server and pipeline: small pools and low limits, so that every one of them is met.
#pragma once
#include "sim/postgres/database.h"
#include "sim/postgres/model_postgres.h"
#include "sim/random.h"
#include "source/postgres/stream/postgres_source.h"

namespace millrace::sim {

struct PostgresSetup {
  ModelPostgresOptions server;
  WorkloadOptions workload;
  postgres::PostgresSourceOptions source;
  bool watched = false;           ///< Somebody wants to know of troubles.
  int impossible_server = 0;      ///< 1 to 3: too old, without logical decoding, an old standby.
  std::uint64_t hostile_row = 0;  ///< Not 0: the first COPY holds what it should not.
  bool existing_slot = false;
  bool existing_slot_two_phase = false;
  int earlier_transactions = 0;
  std::int64_t answer_us = 2000;
  std::size_t slab_bytes = 4096;
  std::size_t slabs = 6;
  std::size_t held_bytes = 4096;
  std::size_t held_block_bytes = 512;
  std::size_t held_notes_free = 1 << 20;
};

inline PostgresSetup make_postgres_setup(Random& random) {
  using Streaming = postgres::PostgresSourceOptions::Streaming;
  PostgresSetup setup;
  const std::int32_t versions[] = {130011, 140010, 150006, 160002, 170002, 170002, 180000};
  setup.server.version_num = random.pick(versions);
  const std::int64_t timeouts_ms[] = {0, 400, 5'000, 60'000};
  setup.server.wal_sender_timeout_ms = random.pick(timeouts_ms);
  const std::size_t sockets[] = {256, 2048, 65536};
  setup.server.socket_bytes = random.pick(sockets);
  const std::size_t in_memory[] = {0, 4, 16, 64};
  setup.server.changes_in_memory = random.pick(in_memory);
  setup.server.keepalive_us = random.between(2'000, 400'000);

  setup.workload.pause_us = random.between(10, 20'000);
  setup.workload.changes_max = static_cast<std::uint32_t>(1 + random.below(20));
  setup.workload.padding_max = static_cast<std::uint32_t>(random.below(150));
  setup.workload.large_row = random.percent(25) ? static_cast<std::uint32_t>(1000 + random.below(12'000)) : 0;
  setup.workload.prepare = random.percent(60);
  setup.workload.truncates_expected = random.percent(80);

  setup.source.pipeline = "sim";
  setup.source.slot_name = setup.server.slot;
  setup.source.publication_name = random.percent(50) ? "orders" : "it's \"here\"";
  const std::uint64_t wish = random.below(100);
  setup.source.snapshot = wish < 50   ? postgres::SnapshotWish::kInitial
                          : wish < 95 ? postgres::SnapshotWish::kNoData
                                      : postgres::SnapshotWish::kInitialOnly;
  setup.source.drop_slot_on_stop = random.percent(3);
  const Streaming streaming[] = {Streaming::kOff, Streaming::kOn, Streaming::kOn, Streaming::kParallel};
  setup.source.streaming = random.pick(streaming);
  setup.source.binary = random.percent(30);
  setup.source.messages = random.percent(85);
  setup.workload.messages = setup.source.messages && setup.server.version_num >= 140000;
  setup.source.row_bytes_max = 64 * 1024;
  setup.source.status_interval_us = random.between(5'000, 400'000);
  setup.source.retry_wait_us = random.between(50'000, 1'000'000);
  setup.source.retries_max = random.percent(10) ? 2 : -1;
  setup.source.watch_interval_us = random.between(10'000, 1'000'000);
  setup.source.stop_patience_us = random.between(1'000, 1'000'000);
  const GatherPolicy::Mode modes[] = {GatherPolicy::Mode::kAdaptive, GatherPolicy::Mode::kOff,
                                      GatherPolicy::Mode::kAlways};
  setup.source.gather = random.pick(modes);
  if (random.percent(70)) {
    const std::size_t changes[] = {1, 2, 5, 20};
    setup.source.batch = {random.pick(changes), 64 + random.below(4096)};
  }

  setup.watched = random.percent(50);
  setup.impossible_server = random.percent(2) ? static_cast<int>(1 + random.below(3)) : 0;
  setup.hostile_row = random.percent(4) ? random.next() : 0;
  setup.source.slot_retries_max = static_cast<std::int64_t>(random.below(8));
  setup.source.slot_retry_wait_us = random.between(10'000, 200'000);
  setup.existing_slot = random.percent(45);
  setup.existing_slot_two_phase =
      setup.existing_slot && setup.server.version_num >= 150000 && random.percent(45);
  setup.earlier_transactions = static_cast<int>(random.below(12));
  setup.answer_us = random.between(0, 20'000);
  const std::size_t slabs[] = {512, 1024, 4096, 16384};
  setup.slab_bytes = random.pick(slabs);
  setup.slabs = 4 + random.below(6);
  const std::size_t held[] = {0, 1024, 8192, 1 << 20};
  setup.held_bytes = random.pick(held);
  const std::size_t blocks[] = {64, 512, 4096};
  setup.held_block_bytes = random.pick(blocks);
  if (random.percent(10)) setup.held_notes_free = 100;  // a few subtransactions are too many
  return setup;
}

}  // namespace millrace::sim
