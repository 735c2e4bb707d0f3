// SPDX-License-Identifier: Apache-2.0
// A value that is used and never shown.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

/// Password or passphrase. It has no way into a stream, a log field or a message: only reveal() reads it, and
/// the one caller that hands it to libpq is the only one to call that.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

  template <class Sink>
  friend void AbslStringify(Sink&, const Secret&) = delete;
  template <class Stream>
  friend Stream& operator<<(Stream&, const Secret&) = delete;

 private:
  std::string value_;
};

}  // namespace millrace
