// SPDX-License-Identifier: Apache-2.0
// The product's path from a connection's bytes to encoded records, on one thread and without edges: receive
// buffer, frames, stream logic, batches, encoder. Memory is scarce where the input says so.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "reference/postgres_transactions.h"
#include "support/change_batch.h"

namespace millrace::fuzz {

struct PlayOptions {
  bool abort_with_lsn = false;
  std::size_t batch_changes = 1024;
  std::size_t batches = 2;  ///< With fewer, the stream is blocked more often.
  std::size_t slab_bytes = 8192;
  std::size_t held_bytes = 4096;  ///< Of held transactions; beyond it they spill.
  std::size_t held_block_bytes = 256;
  std::size_t chunk_bytes = 1 << 16;  ///< Of encoded records.
  std::uint64_t position = 0;         ///< What commits below it was delivered before.
};
inline constexpr std::uint32_t kBodyBytesMax = 1U << 16;

/// A change that came out in a batch, in the reference's struct, and its records.
struct PlayedChange {
  reference::postgres::CommittedChange change;
  std::vector<test::EncodedRecord> records;
};

struct Played {
  std::vector<PlayedChange> changes;
  std::uint64_t position = 0;
  bool stream_failed = false;
  bool needs_whole = false;     ///< It ended here, to have a transaction sent again without streaming.
  std::string failure;          ///< Why one of them did.
  bool encoder_failed = false;  ///< Changes behind the one that failed have no records.
};

/// @param slices  lengths of what is received at once, in turn; zero counts as one; none means all at once.
Played play(std::span<const std::uint8_t> connection, std::span<const std::uint8_t> slices,
            const PlayOptions& options);

}  // namespace millrace::fuzz
