// SPDX-License-Identifier: Apache-2.0
// Input: phase, longest body, slice lengths (counted), then the stream. However the stream is sliced, the
// reader hands out the same messages, covers every byte once, and asks for exactly what is missing.
#include <string>
#include <vector>

#include "input.h"
#include "millrace/source/postgres/frame_reader.h"
#include "support/hex.h"

namespace {
using namespace millrace;
using namespace millrace::postgres;

struct Outcome {
  std::string messages;  // type, length and body of each
  FrameResult last{};
  DecodeError error;
  std::uint64_t consumed = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read_all(std::span<const std::byte> stream, std::span<const std::uint8_t> slices, FramePhase phase,
                 std::uint32_t body_bytes_max) {
  Outcome outcome;
  FrameReader reader(body_bytes_max, phase);
  std::size_t fed = 0;
  std::size_t turn = 0;
  test::ExactBytes block{std::span<const std::byte>{}};
  for (;;) {
    const std::size_t slice =
        slices.empty() ? stream.size() : std::size_t{1} + slices[turn++ % slices.size()];
    const std::size_t unread = reader.unread().size();
    const std::size_t added = std::min(slice, stream.size() - fed);
    test::ExactBytes next(stream.subspan(fed - unread, unread + added));
    fed += added;
    reader.feed(next.span());
    block = std::move(next);
    BackendMessage message;
    while ((outcome.last = reader.next(message)) == FrameResult::kMessage) {
      fuzz::require(message.body.size() <= body_bytes_max);
      outcome.messages += message.type;
      outcome.messages += std::to_string(message.body.size()) + ":";
      outcome.messages.append(reinterpret_cast<const char*>(message.body.data()), message.body.size());
    }
    fuzz::require(reader.stream_offset() + reader.unread().size() == fed);
    if (outcome.last == FrameResult::kError) break;
    fuzz::require(reader.missing() > 0 &&
                  reader.missing() + reader.unread().size() == reader.message_bytes());
    if (fed == stream.size()) break;
  }
  outcome.error = reader.error();
  outcome.consumed = reader.stream_offset();
  return outcome;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const auto phase = static_cast<FramePhase>(fuzz::take_byte(input) % 3);
  const std::uint32_t body_bytes_max = fuzz::take_byte(input);
  const auto slices = fuzz::take_counted(input);
  const auto stream = std::as_bytes(input);
  const Outcome at_once = read_all(stream, {}, phase, body_bytes_max);
  fuzz::require(read_all(stream, slices, phase, body_bytes_max) == at_once);
  return 0;
}
