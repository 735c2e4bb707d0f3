// SPDX-License-Identifier: Apache-2.0
// A bounds-checked reader over bytes from outside, and the error value every decoder returns.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace millrace {

/// Why bytes could not be decoded. One list for all sources: an operator meets the same words everywhere.
enum class Reason : std::uint8_t {
  kOk = 0,
  kTruncated,            ///< The body ends inside a field.
  kTrailingBytes,        ///< The body holds more than the message.
  kBadLength,            ///< A length field that cannot be true (negative, over the limit).
  kUnknownMessage,       ///< A message type this protocol version does not have.
  kBadFlags,             ///< Flag bits that must be zero, or a value outside its list.
  kBadTupleMarker,       ///< A tuple was announced by a byte other than N, K or O.
  kBadColumnKind,        ///< A column kind other than n, u, t, b.
  kBadReplicaIdentity,   ///< Replica identity other than d, n, f, i.
  kTooManyColumns,       ///< More columns than storage, or than PostgreSQL's 1,600.
  kColumnCountMismatch,  ///< A tuple with another number of columns than its relation.
  kUnknownRelation,      ///< A row for a relation that was never announced.
  kOutOfOrder,           ///< A legal message where the protocol does not allow it.
  kBadValue,             ///< A value that is not of its column's type.
  kBadUtf8,              ///< Text that is not UTF-8.
  kUnrepresentable,      ///< A legal value that the output type has no form for, such as NaN in a decimal.
  kUnknownConversion,    ///< A conversion that its source does not know.
};

/// The words for a reason, as they appear in error texts.
std::string_view to_string(Reason reason) noexcept;

/// Outcome of a decoder. Converts to true when there is an error.
struct [[nodiscard]] DecodeError {
  Reason reason = Reason::kOk;
  std::uint32_t byte_offset = 0;  ///< From the start of the body to the field that failed.
  explicit operator bool() const noexcept { return reason != Reason::kOk; }
  friend bool operator==(const DecodeError&, const DecodeError&) = default;
};

/// Front-to-back reader. The first failure sticks and later reads yield zero or empty, so a decoder reads
/// every field and asks once, at the end. Borrows the bytes; allocates nothing; never reads past the end.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> body) noexcept
      : begin_(body.data()), at_(body.data()), end_(body.data() + body.size()) {}

  std::uint8_t u8() noexcept { return read<std::uint8_t>(); }
  std::uint16_t be16() noexcept { return swap(read<std::uint16_t>()); }
  std::uint32_t be32() noexcept { return swap(read<std::uint32_t>()); }
  std::uint64_t be64() noexcept { return swap(read<std::uint64_t>()); }

  /// The bytes up to a NUL; the NUL is consumed. Fails as truncated at the string's first byte when there is
  /// none.
  std::string_view cstring() noexcept {
    const void* nul = at_ == end_ ? nullptr : std::memchr(at_, 0, remaining());
    if (nul == nullptr) {
      fail(Reason::kTruncated, byte_offset());
      return {};
    }
    const auto* end = static_cast<const std::byte*>(nul);
    const std::string_view text(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end - at_));
    at_ = end + 1;
    return text;
  }

  /// The next n bytes. Compares n with what remains, which cannot overflow.
  std::span<const std::byte> bytes(std::size_t n) noexcept {
    if (n > remaining()) {
      fail(Reason::kTruncated, byte_offset());
      return {};
    }
    const std::span<const std::byte> out(at_, n);
    at_ += n;
    return out;
  }

  /// What is left, not consumed: for loops that keep their own pointer and hand it back with bytes().
  std::span<const std::byte> rest() const noexcept { return {at_, end_}; }

  std::size_t byte_offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  bool ok() const noexcept { return error_.reason == Reason::kOk; }
  DecodeError error() const noexcept { return error_; }

  /// Records a failure; the first one is kept. What is left of the body reads as empty from here on.
  void fail(Reason reason, std::size_t byte_offset) noexcept {
    if (ok()) error_ = {reason, static_cast<std::uint32_t>(byte_offset)};
    at_ = end_;
  }

  /// Ends the message: kTrailingBytes when bytes are left, else the first failure or success.
  DecodeError finish() noexcept {
    if (ok() && at_ != end_) fail(Reason::kTrailingBytes, byte_offset());
    return error_;
  }

 private:
  template <class T>
  T read() noexcept {
    T value{};
    if (sizeof(T) > remaining()) {
      fail(Reason::kTruncated, byte_offset());
      return value;
    }
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  static std::uint16_t swap(std::uint16_t v) noexcept { return __builtin_bswap16(v); }
  static std::uint32_t swap(std::uint32_t v) noexcept { return __builtin_bswap32(v); }
  static std::uint64_t swap(std::uint64_t v) noexcept { return __builtin_bswap64(v); }
  static_assert(std::endian::native == std::endian::little,
                "byte order conversions assume a little-endian machine");

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  DecodeError error_;
};

}  // namespace millrace
