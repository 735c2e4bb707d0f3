// SPDX-License-Identifier: Apache-2.0
// Floats as Java 19 and newer writes them. Expected texts: what a JDK 25 prints.
#include "format/json/float_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>

namespace millrace::format {
namespace {

template <class Write>
std::string written(Write write) {
  char out[kFloatTextMax];
  return {out, write(out)};
}
std::string of64(double value) {
  return written([value](char* out) { return put_float64(out, value); });
}
std::string of32(float value) {
  return written([value](char* out) { return put_float32(out, value); });
}

/// Through the server's text; "none" when it is refused.
template <auto Put>
std::string from_text(const std::string& text) {
  const auto padded = std::make_unique<char[]>(text.size() + 8);
  std::copy(text.begin(), text.end(), padded.get());
  char out[kFloatTextMax];
  char* const end = Put(out, {padded.get(), text.size()});
  return end == nullptr ? "none" : std::string(out, end);
}

struct Case {
  double value;
  const char* java;
};
TEST(FloatText, Doubles) {
  const Case table[] = {{0, "0.0"},
                        {-0.0, "-0.0"},
                        {1, "1.0"},
                        {-1.5, "-1.5"},
                        {0.001, "0.001"},
                        {0.00099, "9.9E-4"},
                        {9'999'999, "9999999.0"},
                        {1e7, "1.0E7"},
                        {123456.789, "123456.789"},
                        {1234567.8, "1234567.8"},
                        {1e-5, "1.0E-5"},
                        {1e23, "1.0E23"},
                        {2e23, "2.0E23"},
                        {9.007199254740993e15, "9.007199254740992E15"},
                        {4.9e-324, "4.9E-324"},
                        {1e-323, "9.9E-324"},
                        {2.2250738585072014e-308, "2.2250738585072014E-308"},
                        {1.7976931348623157e308, "1.7976931348623157E308"},
                        {0.1, "0.1"},
                        {100, "100.0"},
                        {1e21, "1.0E21"},
                        {std::numeric_limits<double>::quiet_NaN(), "\"NaN\""},
                        {std::numeric_limits<double>::infinity(), "\"Infinity\""},
                        {-std::numeric_limits<double>::infinity(), "\"-Infinity\""}};
  for (const Case& c : table) EXPECT_EQ(of64(c.value), c.java);
}

TEST(FloatText, Floats) {
  const Case table[] = {{0, "0.0"},
                        {0.1, "0.1"},
                        {16777216, "1.6777216E7"},
                        {3.4028235e38, "3.4028235E38"},
                        {1.4e-45, "1.4E-45"},
                        {2.8e-45, "2.8E-45"},
                        {1.17549435e-38, "1.1754944E-38"},
                        {-78952384, "-7.895238E7"},
                        {33554432, "3.3554432E7"}};
  for (const Case& c : table) EXPECT_EQ(of32(static_cast<float>(c.value)), c.java);
}

TEST(FloatText, FromTheServersText) {
  const std::pair<const char*, const char*> table[] = {{"0", "0.0"},
                                                       {"-0", "-0.0"},
                                                       {"1", "1.0"},
                                                       {"12.5", "12.5"},
                                                       {"1e+20", "1.0E20"},
                                                       {"1e-05", "1.0E-5"},
                                                       {"-1.5e-07", "-1.5E-7"},
                                                       {"123456789", "1.23456789E8"},
                                                       {"0.0001", "1.0E-4"},
                                                       {"0.001", "0.001"},
                                                       {"1000", "1000.0"},
                                                       {"10000000", "1.0E7"},
                                                       {"9.999999999999999e+22", "1.0E23"},
                                                       {"5e-324", "4.9E-324"},
                                                       {"1e-323", "9.9E-324"},
                                                       {"NaN", "\"NaN\""},
                                                       {"Infinity", "\"Infinity\""},
                                                       {"-Infinity", "\"-Infinity\""},
                                                       {"1.7976931348623157e+308", "1.7976931348623157E308"},
                                                       {"0.1000000000000000055511151231257827", "0.1"},
                                                       {"", "none"},
                                                       {"-", "none"},
                                                       {"+1", "none"},
                                                       {"1.", "none"},
                                                       {"abc", "none"},
                                                       {"1e", "none"},
                                                       {"1e+", "none"},
                                                       {"1e5x", "none"},
                                                       {"1.2.3", "none"},
                                                       {"1e999", "none"},
                                                       {"nan", "none"},
                                                       {"-NaN", "none"},
                                                       {"Inf", "none"},
                                                       {" 1", "none"},
                                                       {"1 ", "none"},
                                                       {"0x10", "none"},
                                                       {"1e--5", "none"}};
  for (const auto& [text, java] : table) EXPECT_EQ(from_text<put_float64_text>(text), java) << text;
}

/// Both ways must give one text, and the text the value.
TEST(FloatText, ValueAndServersTextAgreeAtRandom) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 300'000; ++i) {
    const double value =
        i % 3 == 0 ? std::bit_cast<double>(random())
                   : std::ldexp(static_cast<double>(random() >> 20), static_cast<int>(random() % 40) - 20);
    if (!std::isfinite(value)) continue;
    char shortest[64];
    const auto end = std::to_chars(shortest, shortest + 64, value).ptr;
    const std::string text = of64(value);
    ASSERT_EQ(from_text<put_float64_text>(std::string(shortest, end)), text);
    ASSERT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
  for (int i = 0; i < 300'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value) || std::fpclassify(value) == FP_SUBNORMAL) continue;
    char shortest[64];
    const auto end = std::to_chars(shortest, shortest + 64, value).ptr;
    const std::string text = of32(value);
    ASSERT_EQ(from_text<put_float32_text>(std::string(shortest, end)), text);
    ASSERT_EQ(std::strtof(text.c_str(), nullptr), value) << text;
  }
}

}  // namespace
}  // namespace millrace::format
