// SPDX-License-Identifier: Apache-2.0
#include "config/substitute.h"

#include "base/concat.h"
#include "base/json_text.h"
#include "config/properties.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace millrace::config {
namespace {

constexpr std::size_t kSecretFileBytesMax = 256U << 10;
constexpr std::size_t kResultBytesMax = 1U << 20;

absl::Status refused(std::string_view expression, std::string_view why) {
  return absl::InvalidArgumentError(concat(json_quoted(expression.substr(0, 200)), ": ", why));
}

/// `body` is what stands between ${ and }.
absl::StatusOr<std::string> value_of(std::string_view body, const Environment& environment) {
  const std::size_t colon = body.find(':');
  const std::string_view provider = body.substr(0, colon);
  const std::string_view rest = body.substr(colon + 1);
  if (provider == "env") {
    std::optional<std::string> value = environment.variable(std::string(rest));
    if (!value) return refused(body, "no such environment variable");
    return *std::move(value);
  }
  if (provider != "file") return refused(body, "unknown provider; there are env and file");
  const std::size_t key_colon = rest.find(':');
  absl::StatusOr<std::string> content = environment.read_file(std::string(rest.substr(0, key_colon)));
  if (!content.ok()) return refused(body, concat(content.status().message()));
  if (key_colon == std::string_view::npos) {
    if (content->ends_with('\n')) content->pop_back();
    if (content->ends_with('\r')) content->pop_back();
    return content;
  }
  std::optional<std::string> value = find_property(*content, rest.substr(key_colon + 1));
  if (!value) return refused(body, "the file has no such key");
  return *std::move(value);
}

/// `word:` with a word of lower-case letters: anything else after `${` is left alone.
bool names_a_provider(std::string_view body) {
  const std::size_t colon = body.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         std::ranges::all_of(body.substr(0, colon), [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

Environment Environment::system() {
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
            const char* const value =
                std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before threads
            if (value == nullptr) return std::nullopt;
            return std::string(value);
          },
          .read_file = [](const std::string& path) { return read_small_file(path, kSecretFileBytesMax); }};
}

absl::StatusOr<std::string> substitute(std::string_view text, const Environment& environment) {
  std::string out;
  while (true) {
    const std::size_t start = text.find("${");
    out += text.substr(0, start);
    if (start == std::string_view::npos) return out;
    text.remove_prefix(start);
    const std::size_t end = text.find('}');
    const std::string_view body = text.substr(2, end == std::string_view::npos ? 0 : end - 2);
    if (!names_a_provider(body)) {
      out += "${";
      text.remove_prefix(2);
      continue;
    }
    absl::StatusOr<std::string> value = value_of(body, environment);
    if (!value.ok()) return value.status();
    out += *value;
    if (out.size() > kResultBytesMax) return absl::InvalidArgumentError("the value is too long");
    text.remove_prefix(end + 1);
  }
}

absl::StatusOr<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  const int fd = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    std::array<char, 128> words{};
    return absl::NotFoundError(concat("cannot be opened: ", ::strerror_r(errno, words.data(), words.size())));
  }
  std::string content;
  std::array<char, 16384> block{};
  absl::Status status;
  while (true) {
    const ssize_t got = ::read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      std::array<char, 128> words{};
      status =
          absl::UnavailableError(concat("cannot be read: ", ::strerror_r(errno, words.data(), words.size())));
    }
    if (got <= 0) break;
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > bytes_max) {
      status = absl::InvalidArgumentError(concat("larger than ", bytes_max >> 10, " KiB"));
      break;
    }
  }
  ::close(fd);
  if (!status.ok()) return status;
  return content;
}

}  // namespace millrace::config
