// SPDX-License-Identifier: Apache-2.0
// Options of Debezium and of Kafka Connect that this version does not act on.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

/// What happens to an option from the outside that is not in options.cc.
enum class ForeignVerdict : unsigned char {
  kUnknown,      ///< Not an option of Debezium's PostgreSQL connector or of Kafka Connect either.
  kSame,         ///< The value is what this version does anyway.
  kNoEffect,     ///< Whatever its value, it changes nothing here.
  kUnsupported,  ///< The value asks for something this version does not do.
};

struct ForeignAnswer {
  ForeignVerdict verdict = ForeignVerdict::kUnknown;
  std::string words;  ///< For kUnsupported and kNoEffect: why, without repeating the value.
};

/// Never shows `value`.
ForeignAnswer judge_foreign(std::string_view name, std::string_view value);

/// For suggestions and documents.
struct ForeignOption {
  std::string_view name;  ///< Ends in '*' when it is the front of many names.
  std::string_view
      accepted;          ///< Values that are what this version does, with '|' between; "*": any, no effect.
  std::string_view why;  ///< What to say instead of the usual words.
};
std::span<const ForeignOption> foreign_options() noexcept;

}  // namespace millrace::config
