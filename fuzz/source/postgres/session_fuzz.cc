// SPDX-License-Identifier: Apache-2.0
// The fuzzer plays the server. Input: options (1: aborts carry an LSN), slice lengths (counted), then the
// bytes of a connection from the answer to START_REPLICATION on. The product, fed slice by slice, and the
// reference decoder see the same messages and reject at the same place.
#include <string>

#include "input.h"
#include "support/postgres_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  constexpr std::uint32_t kBodyBytesMax = 1u << 16;
  std::span<const std::uint8_t> input(data, size);
  const bool abort_with_lsn = (fuzz::take_byte(input) & 1) != 0;
  const auto slices = fuzz::take_counted(input);
  const std::string bytes(input.begin(), input.end());
  const auto expected = reference::postgres::decode_session(bytes, abort_with_lsn, kBodyBytesMax);
  fuzz::require(test::decode_session(std::as_bytes(input), slices, abort_with_lsn, kBodyBytesMax) ==
                expected);
  return 0;
}
