// SPDX-License-Identifier: Apache-2.0
// From a row's bytes to key and envelope in a chunk, the tuple walk included. Rows vary in every length and
// in 5 % of their values by NULL, a tenth of the strings has something to escape, and together they are more
// than the second-level cache holds. BM_Copy is the reference: how fast this machine copies what they became.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/encoders/encoders.h"
#include "support/change_batch.h"

namespace millrace {
namespace {

using namespace test;  // NOLINT: the harness reads as verbs

constexpr std::size_t kRows = 32'768;
constexpr std::size_t kChunkBytes = 256 * 1024;  // MemoryPlan::cut()
constexpr std::int64_t kNowUs = 1'700'000'000'123'456;

struct Column {
  const char* name;
  std::uint32_t type;
};
// What a table of an application has: six columns, and four more.
constexpr Column kColumns[] = {{"id", 20},      {"name", 25},        {"account", 23}, {"at", 1184},
                               {"active", 16},  {"code", 1043},      {"note", 25},    {"day", 1082},
                               {"balance", 20}, {"updated_at", 1114}};

class Values {
 public:
  std::string of(std::uint32_t type) {
    switch (type) {
      case 20:
        return std::to_string(random_() >> (random_() % 40 + 24));
      case 23:
        return std::to_string(static_cast<std::int32_t>(random_()) >> (random_() % 20));
      case 16:
        return random_() % 2 == 0 ? "t" : "f";
      case 1082:
        return "2024-0" + std::to_string(1 + random_() % 9) + "-1" + std::to_string(random_() % 10);
      case 1114:
        return time();
      case 1184:
        return time() + "+00";
      default: {
        std::string text(random_() % 40, 'a');
        for (char& letter : text) letter = static_cast<char>('a' + random_() % 26);
        if (random_() % 10 == 0 && !text.empty()) text[random_() % text.size()] = '"';
        return text;
      }
    }
  }
  bool one_in(std::uint64_t n) { return random_() % n == 0; }

 private:
  std::string time() {
    std::string digits = std::to_string(1'000'000 + random_() % 1'000'000).substr(1);
    return "2024-05-1" + std::to_string(random_() % 10) + " 0" + std::to_string(random_() % 10) + ":08:09." +
           digits;
  }
  std::mt19937_64 random_{20'240'229};
};

std::unique_ptr<ChangeBatch> rows_of(std::size_t columns) {
  TestTable table;
  table.name = "customers";
  for (std::size_t i = 0; i < columns; ++i) {
    table.columns.push_back({kColumns[i].name, kColumns[i].type, -1, i == 0, {}});
  }
  table.primary_key = {"id"};
  const RelationPtr relation = make_relation(table);
  auto changes = std::make_unique<ChangeBatch>();
  Values values;
  for (std::size_t row = 0; row < kRows; ++row) {
    Tuple tuple;
    for (std::size_t i = 0; i < columns; ++i) {
      tuple.push_back(i > 0 && values.one_in(20) ? null() : text(values.of(kColumns[i].type)));
    }
    changes->insert(relation, tuple);
  }
  return changes;
}

debezium::EnvelopeOptions options_of(bool schemas) {
  debezium::EnvelopeOptions options;
  options.version = "3.6.1.Final";
  options.topic_prefix = "shop";
  options.database = "db";
  options.key_schemas = schemas;
  options.value_schemas = schemas;
  return options;
}

/// Encodes all rows once into chunks that are used again and again, as the pipeline's are.
struct Totals {
  std::size_t records = 0;
  std::size_t bytes = 0;
  bool failed = false;
};
Totals encode(BatchEncoder& encoder, const Batch& batch, Piece& piece) {
  Totals totals;
  for (std::size_t next = 0;;) {
    piece.clear();
    const EncodeResult result = encoder.encode(batch, next, piece, kNowUs);
    totals.records += piece.records.size();
    totals.bytes += piece.bytes;
    if (result.kind == EncodeResult::Kind::kDone) return totals;
    if (result.kind != EncodeResult::Kind::kPieceFull) {
      totals.failed = true;
      return totals;
    }
  }
}

void BM_Envelope(benchmark::State& state) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const bool schemas = state.range(1) != 0;
  const std::unique_ptr<ChangeBatch> changes = rows_of(columns);
  const std::unique_ptr<BatchEncoder> encoder = make_postgres_debezium_json_encoder(options_of(schemas));
  // The answer first: as many records as rows, and the last one whole.
  const EncodedBatch answer = encode_all(*encoder, changes->batch());
  const std::string_view end = schemas ? "}}" : "}";
  if (answer.records.size() != kRows || !answer.records.back().value ||
      answer.records.back().value->find(R"("op":"c")") == std::string::npos ||
      answer.records.back().value->substr(answer.records.back().value->size() - end.size()) != end) {
    state.SkipWithError("the rows are not encoded");
    return;
  }
  const auto chunk = std::make_unique<std::byte[]>(kChunkBytes + 64);
  Piece piece;
  piece.chunk = chunk.get();
  piece.chunk_size = kChunkBytes;
  piece.records.reserve(16'384);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const Totals totals = encode(*encoder, changes->batch(), piece);
    if (totals.failed || totals.records != kRows) state.SkipWithError("the rows are not encoded");
    bytes += totals.bytes;
    benchmark::DoNotOptimize(chunk.get());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRows));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.counters["out_bytes_per_row"] =
      static_cast<double>(bytes) / static_cast<double>(state.iterations() * kRows);
}
BENCHMARK(BM_Envelope)
    ->ArgNames({"columns", "schemas"})
    ->Args({6, 0})
    ->Args({10, 0})
    ->Args({6, 1})
    ->Args({10, 1});

void BM_Copy(benchmark::State& state) {
  std::vector<char> from(std::size_t{16} << 20, 'x');
  std::vector<char> to(kChunkBytes);
  std::size_t at = 0;
  for (auto _ : state) {
    std::memcpy(to.data(), from.data() + at, to.size());
    at = (at + to.size()) % from.size();
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * to.size()));
}
BENCHMARK(BM_Copy);

}  // namespace
}  // namespace millrace
