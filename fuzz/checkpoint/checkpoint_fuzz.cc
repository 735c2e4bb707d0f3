// SPDX-License-Identifier: Apache-2.0
// Input: how to read it, then the bytes: 0 a checkpoint file as it is; 1 the same with its checksum put
// right; 2 fields of a checkpoint that is written and read; 3 a position; 4 a source's identity. What is
// read is written again as the same; what is damaged says so.
#include <absl/strings/str_format.h>
#include <xxhash.h>

#include <string>

#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"
#include "input.h"
#include "source/postgres/stream/position.h"
#include "source/postgres/stream/start_plan.h"

namespace {

using namespace millrace;
using fuzz::require;

bool same(const Checkpoint& a, const Checkpoint& b) {
  return a.format_version == b.format_version && a.generation == b.generation && a.pipeline == b.pipeline &&
         a.source_identity == b.source_identity && a.position.text == b.position.text && a.phase == b.phase &&
         a.sink_state == b.sink_state && a.options_hash == b.options_hash && a.relations == b.relations;
}

/// Reads `text`; whatever comes of it, what was read survives being written.
void read(const std::string& text) {
  const absl::StatusOr<Checkpoint> checkpoint = parse_checkpoint(text);
  if (!checkpoint.ok()) {
    const ReasonCode reason = reason_of(checkpoint.status());
    return require(reason == ReasonCode::kCheckpointCorrupt || reason == ReasonCode::kCheckpointMismatch);
  }
  const absl::StatusOr<Checkpoint> again = parse_checkpoint(to_text(*checkpoint));
  require(again.ok());
  // JSON inside may change its spelling the first time it is written, and no more.
  const absl::StatusOr<Checkpoint> third = parse_checkpoint(to_text(*again));
  require(third.ok() && same(*again, *third));
}

std::string with_checksum(const std::string& body) {
  return body + absl::StrFormat("\nxxh3 %016x\n", XXH3_64bits(body.data(), body.size()));
}

void write_and_read(std::span<const std::uint8_t> input) {
  const auto text = [&] { return std::string(fuzz::text_of(fuzz::take_counted(input))); };
  Checkpoint checkpoint;
  checkpoint.generation = fuzz::take_number(input, 8);
  checkpoint.options_hash = fuzz::take_number(input, 8);
  checkpoint.position = postgres::to_position(
      {fuzz::take_number(input, 8),
       fuzz::take_number(input, 8),
       {fuzz::take_number(input, 8), fuzz::take_number(input, 8),
        static_cast<std::uint32_t>(fuzz::take_number(input, 4)),
        static_cast<std::int64_t>(fuzz::take_number(input, 8)), fuzz::take_number(input, 8)}});
  checkpoint.phase = (fuzz::take_byte(input) & 1) != 0 ? "snapshot" : "streaming";
  const postgres::SourceIdentity identity{text(), static_cast<std::uint32_t>(fuzz::take_number(input, 4)),
                                          text(), text(), text()};
  for (const std::string* field :
       {&identity.system_identifier, &identity.timeline_history, &identity.database, &identity.slot}) {
    if (field->find_first_of("\x80\xFF") != std::string::npos) return;  // the server's text is UTF-8
  }
  checkpoint.source_identity = postgres::to_json(identity);
  checkpoint.pipeline = identity.slot;
  const std::string written = to_text(checkpoint);
  const absl::StatusOr<Checkpoint> back = parse_checkpoint(written);
  if (!back.ok()) return;  // text that is not UTF-8 in a field
  require(same(checkpoint, *back));
  // A torn file is never taken for a whole one.
  if (!written.empty()) {
    require(!parse_checkpoint(written.substr(0, fuzz::take_number(input, 2) % written.size())).ok());
  }
}

void read_position(const std::string& text) {
  const auto position = postgres::parse_position({text});
  if (!position.ok()) return;
  const auto again = postgres::parse_position(postgres::to_position(*position));
  require(again.ok());
  // The position before everything is written as nothing, whatever else it said; so is an unknown last
  // transaction.
  if (position->lsn != 0 && position->last.commit_lsn != 0) require(*again == *position);
  require(postgres::from_mark(postgres::to_mark(*position)) == *position);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t form = fuzz::take_byte(input);
  const std::string text(fuzz::text_of(input));
  switch (form % 5) {
    case 0:
      read(text);
      break;
    case 1:
      read(with_checksum(text));
      break;
    case 2:
      write_and_read(input);
      break;
    case 3:
      read_position(text);
      break;
    default:
      if (const auto identity = postgres::parse_identity(text); identity.ok()) {
        const auto again = postgres::parse_identity(postgres::to_json(*identity));
        require(again.ok() && again->slot == identity->slot && again->timeline == identity->timeline &&
                again->timeline_history == identity->timeline_history);
      }
  }
  return 0;
}
