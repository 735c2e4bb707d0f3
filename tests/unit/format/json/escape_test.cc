// SPDX-License-Identifier: Apache-2.0
// Strings escaped by every instruction set, compared with an escaper that goes character by character.
#include "format/json/escape.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "unit/format/json/escape_avx2.h"

namespace millrace::test {
namespace {

using format::Isa;
constexpr std::size_t kPad = 64;

/// Code points of a text; nullopt where it is not UTF-8 (Unicode Standard, table 3-7), with the place in
/// `error_at`.
std::optional<std::u32string> code_points(std::string_view text, std::size_t& error_at) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    error_at = i;
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned char first = byte(i);
    std::size_t more = 0;
    char32_t value = first;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first >= 0x80) {
      if (first >= 0xC2 && first <= 0xDF) {
        more = 1, value = first & 0x1F;
      } else if (first >= 0xE0 && first <= 0xEF) {
        more = 2, value = first & 0x0F;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;
      } else if (first >= 0xF0 && first <= 0xF4) {
        more = 3, value = first & 0x07;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
      } else {
        return std::nullopt;
      }
    }
    for (std::size_t k = 1; k <= more; ++k) {
      if (i + k >= text.size() || byte(i + k) < low || byte(i + k) > high) return std::nullopt;
      value = value << 6 | (byte(i + k) & 0x3FU);
      low = 0x80, high = 0xBF;
    }
    out += value;
    i += more + 1;
  }
  return out;
}

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) return put(0xC0 | point >> 6), put(0x80 | (point & 0x3F));
  if (point < 0x10000)
    return put(0xE0 | point >> 12), put(0x80 | (point >> 6 & 0x3F)), put(0x80 | (point & 0x3F));
  put(0xF0 | point >> 18), put(0x80 | (point >> 12 & 0x3F)), put(0x80 | (point >> 6 & 0x3F)),
      put(0x80 | (point & 0x3F));
}

/// What Jackson writes (contract 1.11 and 12.1); nullopt: not UTF-8.
std::optional<std::string> expected(std::string_view text) {
  std::size_t error_at = 0;
  const auto points = code_points(text, error_at);
  if (!points) return std::nullopt;
  std::string out;
  const auto unit = [&out](unsigned value) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, "\\u%04X", value);
    out += buffer;
  };
  for (const char32_t point : *points) {
    switch (point) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (point < 0x20) {
          unit(static_cast<unsigned>(point));
        } else if (point > 0xFFFF) {
          const auto beyond = static_cast<unsigned>(point) - 0x10000;
          unit(0xD800 + (beyond >> 10));
          unit(0xDC00 + (beyond & 0x3FF));
        } else {
          append_utf8(out, point);
        }
    }
  }
  return out;
}

class EveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() == Isa::kAvx2 && format::best_isa() != Isa::kAvx2) GTEST_SKIP() << "no AVX2 here";
  }
  /// Exactly the bytes that may be read and written are there.
  std::optional<std::string> escaped(std::string_view text, char noise = '"') {
    const auto in = std::make_unique<char[]>(text.size() + kPad);
    std::memset(in.get(), noise, text.size() + kPad);
    std::copy(text.begin(), text.end(), in.get());
    const auto out = std::make_unique<char[]>(6 * text.size() + kPad);
    const std::string_view view(in.get(), text.size());
    char* end = nullptr;
    switch (GetParam()) {
      case Isa::kScalar:
        end = format::escape_json<Isa::kScalar>(view, out.get());
        break;
      case Isa::kSse2:
        end = format::escape_json<Isa::kSse2>(view, out.get());
        break;
      case Isa::kAvx2:
        end = escape_json_avx2(view, out.get());
        break;
    }
    if (end == nullptr) return std::nullopt;
    return std::string(out.get(), end);
  }
  void expect_like_reference(const std::string& text) {
    const auto wanted = expected(text);
    ASSERT_EQ(escaped(text), wanted) << testing::PrintToString(text);
    if (wanted) {
      ASSERT_EQ(format::escaped_bytes(text), wanted->size()) << testing::PrintToString(text);
    }
  }
};

TEST_P(EveryIsa, EveryByteAtEveryPlace) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (const std::size_t size : {1U, 2U, 15U, 16U, 17U, 31U, 32U, 33U, 63U, 65U}) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        expect_like_reference(text);
      }
    }
  }
}

TEST_P(EveryIsa, EveryCodePoint) {
  std::string text;
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    append_utf8(text, point);
    if (text.size() > 50'000) {
      expect_like_reference(text);
      text.clear();
    }
  }
  expect_like_reference(text);
}

TEST_P(EveryIsa, LongCharactersAcrossVectorEnds) {
  for (const char* character : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\x01", "\""}) {
    for (std::size_t before = 0; before < 70; ++before) {
      for (const std::size_t behind : {0U, 1U, 5U, 40U}) {
        expect_like_reference(std::string(before, 'x') + character + character + std::string(behind, 'y'));
      }
    }
  }
}

TEST_P(EveryIsa, WhatIsNotUtf8IsRefusedAtEveryPlace) {
  const std::string bad[] = {"\x80",
                             "\xBF",
                             "\xC0\x80",
                             "\xC1\xBF",
                             "\xC2",
                             "\xC2\x7F",
                             "\xC2\xC0",
                             "\xE0\x9F\xBF",
                             "\xE0\xA0",
                             "\xE1\x80",
                             "\xED\xA0\x80",
                             "\xED\xBF\xBF",
                             "\xEF\xBF",
                             "\xF0\x8F\xBF\xBF",
                             "\xF0\x90\x80",
                             "\xF0",
                             "\xF4\x90\x80\x80",
                             "\xF5\x80\x80\x80",
                             "\xF8\x88\x80\x80\x80",
                             "\xFE",
                             "\xFF",
                             "\xE2\x28\xA1",
                             "\xF0\x28\x8C\xBC"};
  for (const std::string& wrong : bad) {
    for (std::size_t before = 0; before < 40; ++before) {
      const std::string text = std::string(before, 'x') + wrong;
      // What stands behind the text must not complete it.
      for (const char noise : {'\x80', '\xBF', '"'}) EXPECT_EQ(escaped(text, noise), std::nullopt) << before;
      EXPECT_EQ(format::utf8_error_offset(text), before);
      EXPECT_EQ(escaped(text + "behind"), std::nullopt) << before;
    }
  }
}

TEST_P(EveryIsa, MixturesAtRandom) {
  const std::string pieces[] = {
      "a",        "bc",           std::string(20, 'd'), "\"",   "\\",   "\n", "\x01",
      "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",   "\xFF", "\x7F", "/"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    // Now and then something that is not UTF-8.
    for (std::size_t n = random() % 30; n > 0; --n) text += pieces[random() % (round % 10 == 0 ? 13 : 10)];
    std::size_t error_at = 0;
    if (!code_points(text, error_at)) {
      EXPECT_EQ(format::utf8_error_offset(text), error_at);
    }
    expect_like_reference(text);
  }
}

INSTANTIATE_TEST_SUITE_P(Json, EveryIsa, testing::Values(Isa::kScalar, Isa::kSse2, Isa::kAvx2),
                         [](const auto& row) { return std::string(to_string(row.param)); });

TEST(Utf8, ErrorOffsetReadsNothingBehindTheText) {
  const std::string text = "ab\xE2\x82\xAC";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string cut = text.substr(0, size);
    EXPECT_EQ(format::utf8_error_offset(std::string_view(std::make_unique<std::string>(cut)->c_str(), 0)),
              0U);
    EXPECT_EQ(format::utf8_error_offset(cut), size <= 2 || size == 5 ? size : 2U);
  }
}

}  // namespace
}  // namespace millrace::test
