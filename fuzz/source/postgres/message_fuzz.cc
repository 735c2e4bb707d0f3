// SPDX-License-Identifier: Apache-2.0
// Input: options (1: in a stream block, 2: aborts carry an LSN), columns of the relation, then one pgoutput
// message. The product and the reference agree on whether it is one and what it says; what they accept
// encodes back to its bytes.
#include <string>

#include "input.h"
#include "millrace/source/postgres/message_head.h"
#include "support/hex.h"
#include "support/postgres_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace ref = millrace::reference::postgres;
  using namespace millrace;
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t options = fuzz::take_byte(input);
  const std::size_t columns = fuzz::take_byte(input);
  const test::ExactBytes body(std::as_bytes(input));
  ref::Context context{(options & 1) != 0, (options & 2) != 0, {}};
  postgres::MessageHead head;
  // Whatever relation a row names is known, so that rows are reached without a Relation message before them.
  if (!postgres::peek(body.span(), context.in_stream, head)) {
    context.columns[postgres::value_of(head.relation)] = columns;
  }
  ref::Message message;
  const DecodeError error = test::decode_message(body.span(), context, message);
  const std::string bytes(reinterpret_cast<const char*>(body.span().data()), body.size());
  const auto expected = ref::decode_message(bytes, context);
  fuzz::require(expected.has_value() == !error);
  if (error) {
    fuzz::require(error.byte_offset <= body.size());
    return 0;
  }
  fuzz::require(message == *expected);
  fuzz::require(ref::encode_message(message, context) == bytes);
  return 0;
}
