// SPDX-License-Identifier: Apache-2.0
// Reading and showing values, by the type of the member they go to.
#include "config/option.h"

#include "base/concat.h"
#include "config/scalars.h"

#include <algorithm>

namespace millrace::config {
namespace {

using Problem = std::optional<std::string>;

Problem allowed_only(const Option& option) { return concat("allowed: ", allowed_of(option)); }

/// What was written as one text: a list is joined with commas.
std::string joined(const Written& written) { return join_words(written.items); }

/// The entries of a list option: those of a list, or what stands between commas.
std::vector<std::string> words_of(const Written& written) {
  if (!written.is_list) return split_words(joined(written));
  std::vector<std::string> words;
  for (const std::string& item : written.items) words.emplace_back(trimmed(item));
  return words;
}

std::optional<std::int64_t> number_in_range(const Option& option, std::string_view text) {
  if (!option.minus_one.empty() && equal_ignoring_case(trimmed(text), option.minus_one)) return -1;
  const std::optional<std::int64_t> value = parse_integer(text);
  if (!value || *value < option.min || *value > option.max) return std::nullopt;
  return value;
}

struct Reader {
  const Option& option;
  const Written& written;

  Problem operator()(bool* member) const {
    const std::optional<bool> value = parse_bool(joined(written));
    if (!value) return allowed_only(option);
    *member = *value;
    return std::nullopt;
  }

  Problem operator()(int* member) const { return number(member); }
  Problem operator()(std::int64_t* member) const { return number(member); }

  Problem operator()(std::uint64_t* member) const {
    const std::optional<std::uint64_t> value = parse_bytes(joined(written));
    if (!value || *value < static_cast<std::uint64_t>(option.min) ||
        *value > static_cast<std::uint64_t>(option.max)) {
      return allowed_only(option);
    }
    *member = *value;
    return std::nullopt;
  }

  Problem operator()(std::string* member) const {
    const std::string text = joined(written);
    if (option.valid != nullptr && !option.valid(text)) return allowed_only(option);
    if (text.find('\0') != std::string::npos) return "a NUL character is not allowed";
    *member = text;
    return std::nullopt;
  }

  Problem operator()(Secret* member) const {
    std::string text = joined(written);
    if (text.find('\0') != std::string::npos) return "a NUL character is not allowed";
    *member = Secret(std::move(text));
    return std::nullopt;
  }

  Problem operator()(const Choice& choice) const {
    const std::string text = joined(written);
    const auto same = [&text](std::string_view word) { return equal_ignoring_case(trimmed(text), word); };
    const auto found = std::ranges::find_if(choice.words, same);
    if (found != choice.words.end()) {
      choice.store(choice.member, static_cast<std::size_t>(found - choice.words.begin()));
      return std::nullopt;
    }
    const std::vector<std::string> later = split_words(option.later);
    if (std::ranges::any_of(later, same))
      return concat("not supported by this version; ", *allowed_only(option));
    return allowed_only(option);
  }

  Problem operator()(std::vector<std::string>* member) const {
    std::vector<std::string> words = words_of(written);
    if (words.size() > 64) return "more than 64 entries";
    for (const std::string& word : words) {
      if (word.empty() || word.find('\0') != std::string::npos) return allowed_only(option);
    }
    *member = std::move(words);
    return std::nullopt;
  }

  Problem operator()(std::vector<std::uint16_t>* member) const { return numbers(member, false); }
  Problem operator()(std::vector<int>* member) const { return numbers(member, true); }

  Problem operator()(PatternList* member) const {
    absl::StatusOr<PatternList> list =
        written.is_list ? PatternList::compile(words_of(written)) : PatternList::parse(joined(written));
    if (!list.ok()) return concat(list.status().message());
    *member = *std::move(list);
    return std::nullopt;
  }

  Problem operator()(SkippedOperations* member) const {
    SkippedOperations skipped{.truncate = false};
    const std::vector<std::string> words = words_of(written);
    for (const std::string& word : words) {
      if (word == "c") {
        skipped.create = true;
      } else if (word == "u") {
        skipped.update = true;
      } else if (word == "d") {
        skipped.remove = true;
      } else if (word == "t") {
        skipped.truncate = true;
      } else if (word != "none" || words.size() != 1) {
        return allowed_only(option);
      }
    }
    if (words.empty()) return allowed_only(option);
    *member = skipped;
    return std::nullopt;
  }

 private:
  template <class Number>
  Problem number(Number* member) const {
    const std::optional<std::int64_t> value = number_in_range(option, joined(written));
    if (!value) return allowed_only(option);
    *member = static_cast<Number>(*value);
    return std::nullopt;
  }

  template <class Number>
  Problem numbers(std::vector<Number>* member, bool empty_is_fine) const {
    std::vector<Number> values;
    for (const std::string& word : words_of(written)) {
      const std::optional<std::int64_t> value = number_in_range(option, word);
      if (!value || values.size() >= 1024) return allowed_only(option);
      values.push_back(static_cast<Number>(*value));
    }
    if (values.empty() && !empty_is_fine) return allowed_only(option);
    *member = std::move(values);
    return std::nullopt;
  }
};

struct Shower {
  const Option& option;

  std::string operator()(const bool* member) const { return *member ? "true" : "false"; }
  std::string operator()(const int* member) const { return number(*member); }
  std::string operator()(const std::int64_t* member) const { return number(*member); }
  std::string operator()(const std::uint64_t* member) const { return format_bytes(*member); }
  std::string operator()(const std::string* member) const { return *member; }
  std::string operator()(const Secret* member) const { return member->empty() ? "" : "(hidden)"; }
  std::string operator()(const Choice& choice) const {
    return std::string(choice.words[choice.load(choice.member)]);
  }
  std::string operator()(const std::vector<std::string>* member) const { return join_words(*member); }
  std::string operator()(const std::vector<std::uint16_t>* member) const { return numbers(*member); }
  std::string operator()(const std::vector<int>* member) const { return numbers(*member); }
  std::string operator()(const PatternList* member) const {
    std::string out;
    for (const std::string& entry : member->entries()) {
      if (!out.empty()) out += ',';
      for (const char c : entry) {
        if (c == ',') out += '\\';
        out += c;
      }
    }
    return out;
  }
  std::string operator()(const SkippedOperations* member) const {
    std::string out;
    if (member->create) out += ",c";
    if (member->update) out += ",u";
    if (member->remove) out += ",d";
    if (member->truncate) out += ",t";
    return out.empty() ? "none" : out.substr(1);
  }

 private:
  std::string number(std::int64_t value) const {
    if (value == -1 && !option.minus_one.empty()) return std::string(option.minus_one);
    return concat(value);
  }
  template <class Number>
  static std::string numbers(const std::vector<Number>& values) {
    std::string out;
    for (const Number value : values) append(out, out.empty() ? "" : ",", value);
    return out;
  }
};

struct Describer {
  const Option& option;

  std::string operator()(const bool*) const { return "true or false"; }
  std::string operator()(const int*) const { return number(); }
  std::string operator()(const std::int64_t*) const { return number(); }
  std::string operator()(const std::uint64_t*) const {
    return concat("size such as 512 KiB, 64 MiB or 1 GiB, ",
                  format_bytes(static_cast<std::uint64_t>(option.min)), " to ",
                  format_bytes(static_cast<std::uint64_t>(option.max)));
  }
  std::string operator()(const std::string*) const { return std::string(text("text")); }
  std::string operator()(const Secret*) const { return "text, never shown"; }
  std::string operator()(const Choice& choice) const {
    std::string out;
    for (const std::string_view word : choice.words) append(out, out.empty() ? "" : ", ", word);
    return out;
  }
  std::string operator()(const std::vector<std::string>*) const {
    return std::string(text("names with commas"));
  }
  std::string operator()(const std::vector<std::uint16_t>*) const {
    return concat(number(), ", or several with commas");
  }
  std::string operator()(const std::vector<int>*) const {
    return concat(number(), ", or several with commas");
  }
  std::string operator()(const PatternList*) const { return "regular expressions with commas"; }
  std::string operator()(const SkippedOperations*) const { return "c, u, d, t with commas, or none"; }

 private:
  std::string_view text(std::string_view otherwise) const {
    return option.allowed.empty() ? otherwise : option.allowed;
  }
  std::string number() const {
    std::string out = option.minus_one.empty() ? "" : concat(option.minus_one, " or ");
    const std::int64_t least = option.minus_one.empty() ? option.min : std::max<std::int64_t>(option.min, 0);
    append(out, "whole number, ", least, " to ", option.max);
    if (!option.unit.empty()) append(out, " (", option.unit, ")");
    return out;
  }
};

}  // namespace

std::optional<std::string> assign(const Option& option, const Written& written, ProcessConfig& process,
                                  PipelineConfig& pipeline) {
  const Target target = option.target(process, pipeline);
  const bool takes_list = std::holds_alternative<std::vector<std::string>*>(target) ||
                          std::holds_alternative<std::vector<std::uint16_t>*>(target) ||
                          std::holds_alternative<std::vector<int>*>(target) ||
                          std::holds_alternative<PatternList*>(target) ||
                          std::holds_alternative<SkippedOperations*>(target);
  if (written.is_list && !takes_list)
    return concat("one value is expected, not a list; ", *allowed_only(option));
  return std::visit(Reader{option, written}, target);
}

std::string text_of(const Option& option, ProcessConfig& process, PipelineConfig& pipeline) {
  return std::visit(Shower{option}, option.target(process, pipeline));
}

std::string default_of(const Option& option) {
  if (!option.default_text.empty()) return std::string(option.default_text);
  ProcessConfig process;
  PipelineConfig pipeline;
  return text_of(option, process, pipeline);
}

std::string allowed_of(const Option& option) {
  ProcessConfig process;
  PipelineConfig pipeline;
  return std::visit(Describer{option}, option.target(process, pipeline));
}

bool is_secret(const Option& option) {
  ProcessConfig process;
  PipelineConfig pipeline;
  return std::holds_alternative<Secret*>(option.target(process, pipeline));
}

}  // namespace millrace::config
