// SPDX-License-Identifier: Apache-2.0
// The fuzzer plays the server, and the whole path to encoded records runs. Input: options (1: aborts carry an
// LSN, 2: little memory, 4: one batch of one change, 8: a position to resume from, of two bytes, follows),
// slice lengths (counted), then the bytes of a connection from the answer to START_REPLICATION on. What comes
// out is what a naive map of transactions lets out, in its order; what is encoded is JSON.
#include <algorithm>
#include <string>

#include "source/postgres/stream/player.h"
#include "strict_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  namespace ref = reference::postgres;
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t choice = fuzz::take_byte(input);
  fuzz::PlayOptions options;
  options.abort_with_lsn = (choice & 1) != 0;
  if ((choice & 2) != 0) {
    options.slab_bytes = 512;
    options.held_bytes = 128;
    options.held_block_bytes = 32;
    options.chunk_bytes = 1024;
  }
  if ((choice & 4) != 0) {
    options.batches = 1;
    options.batch_changes = 1;
  }
  if ((choice & 8) != 0) options.position = fuzz::take_number(input, 2);
  const auto slices = fuzz::take_counted(input);

  const fuzz::Played played = fuzz::play(input, slices, options);
  const ref::Session session =
      ref::decode_session(std::string(fuzz::text_of(input)), options.abort_with_lsn, fuzz::kBodyBytesMax);
  const ref::CommittedChanges expected = ref::committed_changes(session, options.position);

  fuzz::require(played.needs_whole || played.changes.size() >= expected.changes.size());
  for (std::size_t i = 0; i < std::min(expected.changes.size(), played.changes.size()); ++i) {
    fuzz::require(played.changes[i].change == expected.changes[i]);
  }
  if (played.needs_whole) {
    fuzz::require(!played.stream_failed);
  } else if (!session.rejected && !expected.rejected) {
    fuzz::require(!played.stream_failed && played.changes.size() == expected.changes.size());
    fuzz::require(played.position == expected.position);
  } else if (expected.rejected) {
    fuzz::require(played.stream_failed);
  } else {
    // The stream leaves tuples to the encoder, so it may go on behind a row that the reference refuses.
    fuzz::require(played.stream_failed || played.encoder_failed ||
                  played.changes.size() >= expected.changes.size());
  }
  for (const fuzz::PlayedChange& change : played.changes) {
    for (const test::EncodedRecord& record : change.records) {
      if (record.key) (void)fuzz::parse_strictly(*record.key);
      if (record.value) (void)fuzz::parse_strictly(*record.value);
    }
  }
  return 0;
}
