// SPDX-License-Identifier: Apache-2.0
// librdkafka's properties: which there are, and which of them a pipeline may set.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::kafka {

inline constexpr int kLibraryVersionMin = 0x020e'00ff;  ///< 2.14.0, as rd_kafka_version() says it.

/// "2.15.1": the librdkafka that is linked.
std::string_view library_version();
/// False when it is older than kLibraryVersionMin: it lacks fixes to the idempotent producer.
bool library_is_new_enough();

struct Property {
  enum class Clients : std::uint8_t { kAll, kProducers, kConsumers };
  std::string name;
  Clients clients = Clients::kAll;
  std::string range;          ///< "0 .. 900000", "plaintext, ssl, ...", or empty: any text.
  std::string default_value;  ///< librdkafka's.
  bool callback = false;      ///< Set by programs only.
};

/// All properties of the linked library, by name; aliases are rows of their own.
std::span<const Property> properties();
const Property* find_property(std::string_view name);

/// What a `kafka.<name>` may not say, and why: those that would break a promise, and those that are set here.
struct Promise {
  std::string_view name;
  std::string_view allowed;  ///< Values that keep it, with '|' between; empty: none.
  std::string_view why;
};
std::span<const Promise> promises() noexcept;

/// What is wrong with a property of a configuration file, without repeating its value; nothing when it may be
/// set. An unknown name is wrong, too: "no such property".
std::optional<std::string> property_problem(std::string_view name, const std::string& value);

/// librdkafka's name of a property of the Java clients, for `producer.override.*`: the same for most.
struct JavaName {
  std::string_view name;      ///< In the Java client.
  std::string_view property;  ///< librdkafka's; empty: there is none.
  std::string_view words;     ///< Why it has no effect or cannot be taken, when there is none.
  bool refused = false;       ///< It asks for something that would not happen.
};
const JavaName* find_java_name(std::string_view name) noexcept;

}  // namespace millrace::kafka
