// SPDX-License-Identifier: Apache-2.0
#include "config/pattern_list.h"

#include "base/concat.h"
#include "base/json_text.h"
#include "base/log.h"
#include "config/scalars.h"

#include <boost/regex.hpp>

#include <exception>

namespace millrace {
namespace {

// Wide characters, so that a dot is a code point and not a byte. Letter case follows the C locale: ASCII
// only.
using Regex = boost::basic_regex<wchar_t, boost::cpp_regex_traits<wchar_t>>;

constexpr std::size_t kEntryCharsMax = 4096;
constexpr std::size_t kGroupsMax = 64;
constexpr std::size_t kEntriesMax = 1000;

/// @return false when `text` is not UTF-8.
bool decode(std::string_view text, std::wstring& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    const auto lead = static_cast<std::uint8_t>(text[0]);
    std::uint32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i)
      code = (code << 6) | (static_cast<std::uint8_t>(text[i]) & 0x3FU);
    out += static_cast<wchar_t>(code);
    text.remove_prefix(length);
  }
  return true;
}

// In Java, whose expressions these are, a backslash before anything but a letter or digit takes it as it is.
// Here these four would be ends of words and of the text.
std::wstring as_java_reads(std::wstring_view text) {
  std::wstring out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == L'\\' && i + 1 < text.size()) {
      ++i;
      if (std::wstring_view(L"'`<>").find(text[i]) == std::wstring_view::npos) out += L'\\';
    }
    out += text[i];
  }
  return out;
}

}  // namespace

struct PatternList::Compiled {
  std::vector<Regex> expressions;
};

absl::StatusOr<PatternList> PatternList::parse(std::string_view text) {
  std::vector<std::string> entries;
  std::string entry;
  const auto close = [&] {
    const std::string_view trimmed = config::trimmed(entry);
    if (!trimmed.empty()) entries.emplace_back(trimmed);
    entry.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      // Only the comma is unescaped; every other backslash belongs to the expression.
      if (text[i + 1] != ',') entry += '\\';
      entry += text[++i];
    } else if (text[i] == ',') {
      close();
    } else {
      entry += text[i];
    }
  }
  close();
  return compile(std::move(entries));
}

absl::StatusOr<PatternList> PatternList::compile(std::vector<std::string> entries) {
  if (entries.size() > kEntriesMax)
    return absl::InvalidArgumentError(concat("more than ", kEntriesMax, " entries"));
  auto compiled = std::make_shared<Compiled>();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto refuse = [i](std::string_view why) {
      return absl::InvalidArgumentError(concat("entry ", i + 1, ": ", why));
    };
    std::wstring wide;
    if (!decode(entries[i], wide)) return refuse("not UTF-8");
    if (wide.size() > kEntryCharsMax) return refuse(concat("longer than ", kEntryCharsMax, " characters"));
    if (std::ranges::count(wide, L'(') > static_cast<std::ptrdiff_t>(kGroupsMax)) {
      return refuse(concat("more than ", kGroupsMax, " groups"));
    }
    try {
      compiled->expressions.emplace_back(as_java_reads(wide),
                                         Regex::perl | Regex::icase | Regex::no_mod_m | Regex::optimize);
    } catch (const boost::regex_error& error) {
      // error.what() quotes the expression, which may come from a secret's file: only the place is repeated.
      return refuse(concat("not a regular expression, at character ", error.position() + 1));
    } catch (const std::exception&) {
      return refuse("not a regular expression");
    }
  }
  PatternList list;
  list.entries_ = std::move(entries);
  if (!list.entries_.empty()) list.compiled_ = std::move(compiled);
  return list;
}

std::optional<std::size_t> PatternList::first_match(std::string_view name) const {
  if (compiled_ == nullptr) return std::nullopt;
  std::wstring wide;
  if (!decode(name, wide)) return std::nullopt;
  for (std::size_t i = 0; i < compiled_->expressions.size(); ++i) {
    try {
      if (boost::regex_match(wide, compiled_->expressions[i])) return i;
    } catch (const std::exception&) {
      // Boost.Regex gives up on expressions that backtrack without end. Asked once per relation, not per row.
      log_error("config", "expression too costly for this name; taken as no match",
                {{"entry", i + 1}, {"name", name}});
    }
  }
  return std::nullopt;
}

}  // namespace millrace
