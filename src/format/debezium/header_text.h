// SPDX-License-Identifier: Apache-2.0
// A key as the text of a header, as Kafka Connect's SimpleHeaderConverter writes a struct:
//
//   {"id":1,"name":"a\"b"}     strings escape " and \ only; bytes are Base64; decimals and special floats are
//   plain
//
// Source: debezium-contract 1.9; Kafka Connect, Values.convertToString.
#pragma once
#include <string>
#include <string_view>

#include "millrace/change/schema.h"

namespace millrace::debezium {

/// Appends the header text of a key.
/// @param payload  the key's JSON payload as the encoder wrote it, without schema.
/// @param key      the key's schema, a struct.
/// Allocates nothing but `out`'s growth and, for decimals, their digits.
void append_header_text(std::string& out, std::string_view payload, const Schema& key);

}  // namespace millrace::debezium
