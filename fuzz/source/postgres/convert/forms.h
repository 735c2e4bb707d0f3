// SPDX-License-Identifier: Apache-2.0
// Values in both of PostgreSQL's wire forms, made from a fuzzer's bytes as the server's output and send
// functions would make them: slowly, and sharing nothing with the product.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "source/postgres/convert/op.h"

namespace millrace::fuzz {

/// A value as the server writes it in text and in binary.
struct Forms {
  std::string text;
  std::string binary;
};

/// A conversion for `op`, and a value that a server could send for it.
struct TypedForms {
  Conversion conversion;
  Forms forms;
};

/// Takes what it needs off the front of `input`. Ops without a binary form become kText.
TypedForms make_forms(postgres::Op op, std::span<const std::uint8_t>& input);
/// An array of such values, some of them NULL.
TypedForms make_array_forms(postgres::Op op, std::span<const std::uint8_t>& input);

/// The pieces, where one value needs several files.
std::string big_endian(std::uint64_t value, int bytes);
std::string temporal_text(postgres::Op op, std::int64_t value);
Forms numeric_forms(std::span<const std::uint8_t>& input, int& scale);

}  // namespace millrace::fuzz
