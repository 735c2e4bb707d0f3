// SPDX-License-Identifier: Apache-2.0
// How an option is declared. The table is in options.cc; reading, help, documents and the start hash all
// follow it.
#pragma once
#include "config/config.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace millrace::config {

/// A member that holds one of a list of words.
struct Choice {
  std::span<const std::string_view> words;
  void* member = nullptr;
  std::size_t (*load)(const void* member) = nullptr;
  void (*store)(void* member, std::size_t index) = nullptr;
};

/// Where a value goes. The member's type decides how its text is read: std::uint64_t is a size in bytes, the
/// signed integers are plain numbers.
using Target = std::variant<bool*, int*, std::int64_t*, std::uint64_t*, std::string*, Secret*, Choice,
                            std::vector<std::string>*, std::vector<std::uint16_t>*, std::vector<int>*,
                            PatternList*, SkippedOperations*>;

enum class Scope : std::uint8_t { kProcess, kPipeline };
enum class Group : std::uint8_t {
  kProcess,
  kPipeline,
  kConnection,
  kSlot,
  kCapture,
  kMessages,
  kFaults,
  kEngine,
  kSink,
  kKafka,
  kCheckpoint,
};
std::string_view title_of(Group group) noexcept;

struct Option {
  std::string_view name{};
  Scope scope = Scope::kPipeline;
  Group group{};
  Target (*target)(ProcessConfig& process, PipelineConfig& pipeline) = nullptr;
  std::string_view help{};  ///< One line, a sentence.
  std::int64_t min = 0;     ///< Numbers and sizes.
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view unit{};          ///< Of a number: ms, percent.
  std::string_view minus_one{};     ///< A word that stands for -1.
  std::string_view default_text{};  ///< Only when the default is computed from other options.
  std::string_view later{};  ///< Comma-separated words that Debezium knows and this version does not do.
  bool (*valid)(std::string_view) = nullptr;  ///< Of a text.
  std::string_view allowed{};                 ///< What `valid` accepts, in words.
  bool required = false;
  bool shapes_messages = false;  ///< Another value makes other messages: part of the start hash.
};

/// All options, process scope first, each group together.
std::span<const Option> all_options() noexcept;

/// @return nullptr when there is none of this name.
const Option* find_option(std::string_view name) noexcept;

/// A value as it was written: one scalar, or the scalars of a list, substitutions done.
struct Written {
  std::vector<std::string> items;
  bool is_list = false;
};

/// Reads `written` into the option's member.
/// @return what is wrong with it and what is allowed, without repeating the value; nothing when it was taken.
std::optional<std::string> assign(const Option& option, const Written& written, ProcessConfig& process,
                                  PipelineConfig& pipeline);

/// The member's value in the form a file would have it; `(hidden)` for a secret that is set.
std::string text_of(const Option& option, ProcessConfig& process, PipelineConfig& pipeline);

/// The default in that form, or the words for a computed one; empty when there is none.
std::string default_of(const Option& option);

/// `whole number, 1 to 65535`, `true or false`, `one of a, b`: what may be written.
std::string allowed_of(const Option& option);
bool is_secret(const Option& option);

}  // namespace millrace::config
