// SPDX-License-Identifier: Apache-2.0
// Binary forms of fixed-size types to the server's text: addresses and identifiers.
// Source: the server's inet_net_ntop, macaddr_out, uuid_out, charout.
#pragma once
#include <cstddef>
#include <span>

namespace millrace::postgres {

/// Room for the longest text, an IPv6 address with a length.
inline constexpr std::size_t kFixedTextMax = 56;

/// Each writes the text of a binary value. @return behind the last character, nullptr when the value is not
/// of the type.
char* put_uuid(char* out, std::span<const std::byte> wire) noexcept;
char* put_macaddr(char* out, std::span<const std::byte> wire) noexcept;  ///< 6 or 8 bytes
char* put_inet(char* out, std::span<const std::byte> wire) noexcept;     ///< inet and cidr
char* put_char(char* out, std::span<const std::byte> wire) noexcept;     ///< "char"

}  // namespace millrace::postgres
