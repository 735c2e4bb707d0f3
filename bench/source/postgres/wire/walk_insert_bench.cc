// SPDX-License-Identifier: Apache-2.0
// From received bytes to field views: frames, replication header, peek, tuple walk. Rows vary in every length
// and in 5 % of their columns by NULL, and are more than the second-level cache holds: equal rows flatter
// every variant.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "millrace/source/postgres/frame_reader.h"
#include "millrace/source/postgres/messages.h"
#include "millrace/source/postgres/replication.h"

namespace millrace::postgres {
namespace {

constexpr std::size_t kStreamBytes = 16u << 20;
constexpr std::uint32_t kRelation = 16'384;

struct Rows {
  std::vector<std::byte> stream;
  std::size_t count = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t nulls = 0;
};

void put(std::vector<std::byte>& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

// What a table of numbers, times and short texts sends: length ranges of its columns' values.
struct Lengths {
  std::size_t least;
  std::size_t most;
};
constexpr std::array<Lengths, 10> kColumns = {
    {{1, 9}, {4, 24}, {1, 6}, {26, 26}, {1, 1}, {4, 12}, {8, 40}, {10, 10}, {0, 48}, {3, 11}}};

Rows make_rows(std::size_t columns) {
  std::mt19937 random(20'240'229);
  const auto between = [&](std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(random);
  };
  Rows rows;
  rows.stream.reserve(kStreamBytes + 4096);
  while (rows.stream.size() < kStreamBytes) {
    std::vector<std::byte> tuple;
    for (std::size_t i = 0; i < columns; ++i) {
      if (between(1, 100) <= 5) {
        tuple.push_back(std::byte{'n'});
        ++rows.nulls;
        continue;
      }
      const std::size_t length = between(kColumns[i].least, kColumns[i].most);
      tuple.push_back(std::byte{'t'});
      put(tuple, length, 4);
      tuple.insert(tuple.end(), length, static_cast<std::byte>('a' + length % 26));
      rows.value_bytes += length;
    }
    rows.stream.push_back(std::byte{'d'});
    put(rows.stream, 4 + kXLogDataHeaderBytes + 8 + tuple.size(), 4);
    rows.stream.push_back(std::byte{'w'});
    put(rows.stream, rows.stream.size(), 8);
    put(rows.stream, rows.stream.size(), 8);
    put(rows.stream, 0x0002'b57e'9397'be40, 8);
    rows.stream.push_back(std::byte{'I'});
    put(rows.stream, kRelation, 4);
    rows.stream.push_back(std::byte{'N'});
    put(rows.stream, columns, 2);
    rows.stream.insert(rows.stream.end(), tuple.begin(), tuple.end());
    ++rows.count;
  }
  return rows;
}

struct Walked {
  std::size_t count = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t nulls = 0;
};

// Puts the reader where a stream begins: behind CopyBothResponse.
FrameReader streaming_reader(std::span<const std::byte> stream) {
  FrameReader reader(1u << 20, FramePhase::kCopyBoth);
  reader.feed(stream);
  return reader;
}

// `each` sees every row's fields.
template <class Each>
std::size_t walk_all(std::span<const std::byte> stream, std::size_t columns, Each&& each) {
  std::array<FieldView, 16> storage;
  const std::span<FieldView> fields(storage.data(), columns);
  FrameReader reader = streaming_reader(stream);
  BackendMessage message;
  WalMessage wal;
  MessageHead head;
  RowView row;
  std::size_t count = 0;
  while (reader.next(message) == FrameResult::kMessage) {
    if (decode_wal_message(Cursor(message.body), wal)) return 0;
    if (peek(wal.body, false, head) || head.relation != RelationOid{kRelation}) return 0;
    if (decode_insert(fields_of(wal.body, head), fields, row)) return 0;
    each(row);
    ++count;
  }
  return count;
}

void BM_PostgresWalkInsert(benchmark::State& state) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const Rows rows = make_rows(columns);
  Walked walked;
  walked.count = walk_all(rows.stream, columns, [&](const RowView& row) {
    for (const FieldView& field : row.new_fields) {
      walked.value_bytes += field.size;
      walked.nulls += field.is_null() ? 1 : 0;
    }
  });
  if (walked.count != rows.count || walked.value_bytes != rows.value_bytes || walked.nulls != rows.nulls) {
    return state.SkipWithError("rows differ from what was generated");
  }
  for (auto _ : state) {
    std::size_t count = walk_all(rows.stream, columns, [](const RowView& row) {
      benchmark::DoNotOptimize(row.new_fields.data());
      benchmark::ClobberMemory();
    });
    benchmark::DoNotOptimize(count);
  }
  const auto iterations = state.iterations();
  state.SetBytesProcessed(iterations * static_cast<std::int64_t>(rows.stream.size()));
  state.SetItemsProcessed(iterations * static_cast<std::int64_t>(rows.count));
}
BENCHMARK(BM_PostgresWalkInsert)->ArgName("columns")->Arg(6)->Arg(10);

// The ingest core's part alone: it looks no further than the head.
void BM_PostgresPeekInsert(benchmark::State& state) {
  const Rows rows = make_rows(static_cast<std::size_t>(state.range(0)));
  const auto peek_all = [&] {
    FrameReader reader = streaming_reader(rows.stream);
    BackendMessage message;
    WalMessage wal;
    MessageHead head;
    std::size_t count = 0;
    while (reader.next(message) == FrameResult::kMessage) {
      if (decode_wal_message(Cursor(message.body), wal) || peek(wal.body, false, head)) return std::size_t{0};
      count += head.relation == RelationOid{kRelation} ? 1 : 0;
    }
    return count;
  };
  if (peek_all() != rows.count) return state.SkipWithError("rows differ from what was generated");
  for (auto _ : state) benchmark::DoNotOptimize(peek_all());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(rows.stream.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows.count));
}
BENCHMARK(BM_PostgresPeekInsert)->ArgName("columns")->Arg(6)->Arg(10);

// The same bytes copied once, to scale the figures above by the machine.
void BM_MemcpySameBytes(benchmark::State& state) {
  const Rows rows = make_rows(static_cast<std::size_t>(state.range(0)));
  constexpr std::size_t kSlabBytes = 256u << 10;
  std::vector<std::byte> slab(kSlabBytes);
  for (auto _ : state) {
    for (std::size_t at = 0; at < rows.stream.size(); at += kSlabBytes) {
      std::memcpy(slab.data(), rows.stream.data() + at, std::min(kSlabBytes, rows.stream.size() - at));
      benchmark::DoNotOptimize(slab.data());
      benchmark::ClobberMemory();
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(rows.stream.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows.count));
}
BENCHMARK(BM_MemcpySameBytes)->ArgName("columns")->Arg(6)->Arg(10);

}  // namespace
}  // namespace millrace::postgres
