// SPDX-License-Identifier: Apache-2.0
// Schemas of what surrounds a row: the source block, the transaction block, envelopes, logical messages. As
// text; cold path. Source: debezium-contract 1.3, 1.6 to 1.8, 2.2, 2.6, 1.11.
#pragma once
#include <string>
#include <string_view>

namespace millrace::debezium {

/// The schema of a row event. `before_node` and `after_node` are the value's schema with its field name.
std::string envelope_schema(std::string_view topic, std::string_view before_node,
                            std::string_view after_node);

/// The schemas of a logical message's key and value.
std::string message_key_schema();
std::string message_value_schema();

}  // namespace millrace::debezium
