// SPDX-License-Identifier: Apache-2.0
// What stands where there is no value to show: JSON chosen by a column's schema. Cold path.
// Source: debezium-contract 2.4, 2.5.
#pragma once
#include <string>
#include <string_view>

#include "millrace/change/relation.h"

namespace millrace::debezium {

/// The zero of a schema: what a NOT NULL column without a default shows where its value is not known.
std::string type_zero(const Schema& schema);

/// The bytes that a configured placeholder stands for: themselves, or what follows "hex:".
std::string placeholder_bytes(std::string_view configured);

/// An unchanged TOAST value's marker in the form of the column's schema; empty where the column has none.
std::string unavailable_marker(const Column& column, std::string_view placeholder);

}  // namespace millrace::debezium
