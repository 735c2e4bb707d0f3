// SPDX-License-Identifier: Apache-2.0
#include "format/json/base64.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/hex.h"

namespace millrace::test {
namespace {

/// Bit by bit.
std::string slow_base64(std::span<const std::byte> bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bits;
  for (const std::byte byte : bytes) {
    for (int bit = 7; bit >= 0; --bit) bits += (std::to_integer<int>(byte) >> bit & 1) != 0 ? '1' : '0';
  }
  std::string out;
  for (std::size_t at = 0; at < bits.size(); at += 6) {
    std::string six = bits.substr(at, 6);
    six.resize(6, '0');
    out += kAlphabet[std::stoul(six, nullptr, 2)];
  }
  while (out.size() % 4 != 0) out += '=';
  return out;
}

/// Into a block of exactly base64_bytes(), so that one character too many is caught.
std::string encoded(std::span<const std::byte> bytes) {
  const auto out = std::make_unique<char[]>(format::base64_bytes(bytes.size()));
  char* const end = format::put_base64(bytes.data(), bytes.size(), out.get());
  return {out.get(), end};
}

TEST(Base64, VectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"'f'", "Zg=="},
                                                         {"'fo'", "Zm8="},
                                                         {"'foo'", "Zm9v"},
                                                         {"'foob'", "Zm9vYg=="},
                                                         {"'fooba'", "Zm9vYmE="},
                                                         {"'foobar'", "Zm9vYmFy"},
                                                         {"fbff", "+/8="},
                                                         {"00", "AA=="},
                                                         {"ffff", "//8="}};
  for (const auto& [hex, text] : vectors) EXPECT_EQ(encoded(ExactBytes(hex).span()), text);
}

TEST(Base64, EveryLengthAndForm) {
  for (std::size_t size = 0; size <= 200; ++size) {
    std::vector<std::byte> bytes;
    std::string hex;
    for (std::size_t i = 0; i < size; ++i) {
      const auto value = static_cast<unsigned char>(i * 151 + size * 7);
      bytes.push_back(std::byte{value});
      char digits[3];
      std::snprintf(digits, sizeof digits, i % 2 == 0 ? "%02x" : "%02X", value);
      hex += digits;
    }
    const ExactBytes exact{std::span<const std::byte>(bytes)};
    EXPECT_EQ(encoded(exact.span()), slow_base64(bytes)) << size;
    const auto out = std::make_unique<char[]>(format::base64_bytes(size));
    const ExactBytes exact_hex{std::as_bytes(std::span(hex))};
    char* const end = format::put_base64_of_hex(
        {reinterpret_cast<const char*>(exact_hex.span().data()), hex.size()}, out.get());
    ASSERT_NE(end, nullptr) << size;
    EXPECT_EQ(std::string(out.get(), end), slow_base64(bytes)) << size;
  }
}

TEST(Base64, ShortWords) {
  for (std::size_t size = 1; size <= 8; ++size) {
    for (const std::uint64_t word :
         {0x0ULL, 0xFFFFFFFFFFFFFFFFULL, 0x0123456789ABCDEFULL, 0x80ULL, 0x8000000000000000ULL}) {
      std::vector<std::byte> bytes;
      for (std::size_t i = size; i-- > 0;) bytes.push_back(static_cast<std::byte>(word >> (8 * i)));
      char out[16];
      EXPECT_EQ(std::string(out, format::put_base64_short(word, size, out)), slow_base64(bytes))
          << size << " " << word;
    }
  }
}

TEST(Base64, RefusesWhatIsNoHexAtEveryPlace) {
  char out[200];
  for (std::size_t size = 1; size < 80; ++size) {
    if (size % 2 == 1) {
      EXPECT_EQ(format::put_base64_of_hex(std::string(size, 'a'), out), nullptr) << "half a byte";
      continue;
    }
    for (std::size_t at = 0; at < size; ++at) {
      for (const char wrong : {'g', 'G', '/', ':', '@', '`', ' ', '\xFF', '\0'}) {
        std::string hex(size, '5');
        hex[at] = wrong;
        EXPECT_EQ(format::put_base64_of_hex(hex, out), nullptr)
            << size << " " << at << " " << static_cast<int>(wrong);
      }
    }
  }
}

}  // namespace
}  // namespace millrace::test
