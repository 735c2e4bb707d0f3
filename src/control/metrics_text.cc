// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/json_text.h"

namespace millrace::control {
namespace {

using metrics::Declaration;
using metrics::Sample;

// In HELP a backslash and a newline are escaped, in a label value a double quote too.
void append_escaped(std::string& out, std::string_view text, bool quote) {
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    const char c = text.front();
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (quote && c == '"')) {
      out += '\\';
      out += c;
    } else {
      out.append(text.substr(0, n));
    }
    text.remove_prefix(n);
  }
}

void append_labels(std::string& out, const Declaration& family, const Sample& sample,
                   const std::string& bound) {
  if (family.labels.empty() && bound.empty()) return;
  char separator = '{';
  for (std::size_t i = 0; i < family.labels.size(); ++i) {
    out += separator;
    out.append(family.labels[i]);
    out += "=\"";
    append_escaped(out, sample.label_values[i], true);
    out += '"';
    separator = ',';
  }
  if (!bound.empty()) {
    out += separator;
    out.append("le=\"").append(bound).append("\"");
  }
  out += '}';
}

void append_series(std::string& out, const Declaration& family, const char* suffix, const Sample& sample,
                   const std::string& bound, double value) {
  out.append(family.name).append(suffix);
  append_labels(out, family, sample, bound);
  out += ' ';
  append_metric_value(out, value);
  out += '\n';
}

void append_histogram(std::string& out, const Declaration& family, const Sample& sample) {
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < sample.buckets.size(); ++i) {
    cumulative += sample.buckets[i];
    std::string bound;
    append_metric_value(bound, i < family.buckets.size() ? family.buckets[i] : INFINITY);
    append_series(out, family, "_bucket", sample, bound, static_cast<double>(cumulative));
  }
  append_series(out, family, "_sum", sample, "", sample.sum);
  append_series(out, family, "_count", sample, "", static_cast<double>(cumulative));
}

}  // namespace

void append_metric_value(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  std::array<char, 32> text{};
  constexpr double kWholeMax = 9007199254740992.0;  // 2^53: above it a double has no odd numbers
  const auto end =
      std::abs(value) <= kWholeMax && value == std::trunc(value)
          ? std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(value))
          : std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general);
  out.append(text.data(), end.ptr);
}

std::string metrics_text(std::span<const metrics::FamilySamples> families) {
  std::string out;
  for (const metrics::FamilySamples& family : families) {
    const Declaration& declared = *family.declaration;
    out.append("# HELP ").append(declared.name).append(" ");
    append_escaped(out, declared.help, false);
    out.append("\n# TYPE ").append(declared.name).append(" ").append(to_string(declared.type)).append("\n");
    for (const Sample& sample : family.samples) {
      if (declared.type == metrics::Type::kHistogram) {
        append_histogram(out, declared, sample);
      } else {
        append_series(out, declared, "", sample, "", sample.value);
      }
    }
  }
  return out;
}

}  // namespace millrace::control
