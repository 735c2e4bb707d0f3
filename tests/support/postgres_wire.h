// SPDX-License-Identifier: Apache-2.0
// The product's decoders run over messages and whole sessions, with results in the reference decoder's
// structs, so that tests and fuzz targets can compare the two.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/base/cursor.h"
#include "reference/postgres_reference.h"

namespace millrace::test {

/// Decodes one pgoutput message as the product does: peek, then the type's decoder.
DecodeError decode_message(std::span<const std::byte> body, const reference::postgres::Context& context,
                           reference::postgres::Message& out);

/// Feeds a session to a FrameReader slice by slice, each time moving what is unread to a fresh block of
/// exactly the length needed, and decodes what comes out. `slices` are used in turn, again from the first
/// when they run out; zeros count as one; none means all at once.
reference::postgres::Session decode_session(std::span<const std::byte> bytes,
                                            std::span<const std::uint8_t> slices, bool abort_with_lsn,
                                            std::uint32_t body_bytes_max);

}  // namespace millrace::test
