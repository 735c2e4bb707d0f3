// SPDX-License-Identifier: Apache-2.0
// What every pgoutput message begins with, read without looking further: enough for the ingest core to know
// kind, transaction and table of a row.
//
//   type(1)  [xid(4), inside a stream block, for R Y I U D T M]  the message's own fields
//
// Source: PostgreSQL docs, Logical Replication Message Formats.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

/// All messages of protocols 1 to 4. A slot with two_phase sends the prepared ones whatever protocol was
/// asked for, so the decoders know them all always.
enum class MessageType : char {
  kBegin = 'B',
  kCommit = 'C',
  kOrigin = 'O',
  kRelation = 'R',
  kType = 'Y',
  kInsert = 'I',
  kUpdate = 'U',
  kDelete = 'D',
  kTruncate = 'T',
  kMessage = 'M',
  kStreamStart = 'S',
  kStreamStop = 'E',
  kStreamCommit = 'c',
  kStreamAbort = 'A',
  kBeginPrepare = 'b',
  kPrepare = 'P',
  kCommitPrepared = 'K',
  kRollbackPrepared = 'r',
  kStreamPrepare = 'p',
};

/// What peek() finds.
struct MessageHead {
  MessageType type;
  Xid xid;               ///< The (sub)transaction a streamed change belongs to. Zero outside stream blocks.
  RelationOid relation;  ///< Of R, I, U and D. Zero for the others.
  std::uint32_t fields_at;  ///< Where the message's own fields begin: 1, or 5 behind an xid.
};

namespace internal {
enum MessageTraits : std::uint8_t {
  kKnown = 1,
  kOutsideStream = 2,  // may stand outside a stream block
  kInsideStream = 4,   // may stand inside one
  kCarriesXid = 8,     // inside one, behind an xid
  kNamesRelation = 16,
};

inline constexpr std::array<std::uint8_t, 256> kMessageTraits = [] {
  std::array<std::uint8_t, 256> traits{};
  for (const char type : {'B', 'C', 'S', 'c', 'A', 'b', 'P', 'K', 'r', 'p'}) {
    traits[static_cast<std::uint8_t>(type)] = kKnown | kOutsideStream;
  }
  traits['E'] = kKnown | kInsideStream;
  traits['O'] = kKnown | kOutsideStream | kInsideStream;
  for (const char type : {'Y', 'T', 'M'}) {
    traits[static_cast<std::uint8_t>(type)] = kKnown | kOutsideStream | kInsideStream | kCarriesXid;
  }
  for (const char type : {'R', 'I', 'U', 'D'}) {
    traits[static_cast<std::uint8_t>(type)] =
        kKnown | kOutsideStream | kInsideStream | kCarriesXid | kNamesRelation;
  }
  return traits;
}();
}  // namespace internal

/// Reads a message's head without walking its fields.
/// @param in_stream  between StreamStart and StreamStop. Getting it wrong shifts every field by four bytes.
/// @return kTruncated, kUnknownMessage, or kOutOfOrder for a type that cannot stand here (a Begin inside a
/// stream
///         block, a StreamStop outside). On error `out` is unspecified. Allocates nothing; constant cost.
inline DecodeError peek(std::span<const std::byte> body, bool in_stream, MessageHead& out) noexcept {
  if (body.empty()) return {Reason::kTruncated, 0};
  const std::uint8_t traits = internal::kMessageTraits[static_cast<std::uint8_t>(body[0])];
  if ((traits & (in_stream ? internal::kInsideStream : internal::kOutsideStream)) == 0) {
    return {traits == 0 ? Reason::kUnknownMessage : Reason::kOutOfOrder, 0};
  }
  out.type = MessageType{static_cast<char>(body[0])};
  std::uint32_t at = 1;
  std::uint32_t word = 0;
  if (in_stream && (traits & internal::kCarriesXid) != 0) {
    if (body.size() < at + sizeof word) return {Reason::kTruncated, at};
    std::memcpy(&word, body.data() + at, sizeof word);
    at += sizeof word;
  }
  out.xid = Xid{__builtin_bswap32(word)};
  out.fields_at = at;
  word = 0;
  if ((traits & internal::kNamesRelation) != 0) {
    if (body.size() < at + sizeof word) return {Reason::kTruncated, at};
    std::memcpy(&word, body.data() + at, sizeof word);
  }
  out.relation = RelationOid{__builtin_bswap32(word)};
  return {};
}

/// A cursor at the message's own fields, for the decoders. Errors then count their byte offsets from the type
/// byte.
inline Cursor fields_of(std::span<const std::byte> body, const MessageHead& head) noexcept {
  Cursor in(body);
  (void)in.bytes(head.fields_at);
  return in;
}
/// The same for a message that is never inside a stream block: no xid stands before its fields.
inline Cursor fields_behind_type(std::span<const std::byte> body) noexcept {
  Cursor in(body);
  (void)in.u8();
  return in;
}

}  // namespace millrace::postgres
