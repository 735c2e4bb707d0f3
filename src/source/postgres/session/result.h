// SPDX-License-Identifier: Apache-2.0
// The rows of an answer, all of them in memory: catalog queries are small.
#pragma once
#include <libpq-fe.h>

#include <absl/strings/numbers.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::postgres {

class Result {
 public:
  Result() = default;
  explicit Result(PGresult* result) : result_(result) {}

  bool holds() const noexcept { return result_ != nullptr; }
  int rows() const noexcept { return result_ ? PQntuples(result_.get()) : 0; }
  int columns() const noexcept { return result_ ? PQnfields(result_.get()) : 0; }
  bool is_null(int row, int column) const noexcept { return PQgetisnull(result_.get(), row, column) != 0; }
  /// Empty for NULL. Lives as long as the result.
  std::string_view view(int row, int column) const noexcept {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::string text(int row, int column) const { return std::string(view(row, column)); }
  bool boolean(int row, int column) const noexcept { return view(row, column) == "t"; }
  /// One character of type "char", '\0' for NULL.
  char character(int row, int column) const noexcept {
    const std::string_view value = view(row, column);
    return value.empty() ? '\0' : value.front();
  }
  /// 0 for NULL and for what is no number.
  template <class T>
  T number(int row, int column) const noexcept {
    T value = 0;
    const std::string_view digits = view(row, column);
    return absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &value) ? value : T{0};
  }
  /// A pg_lsn; 0 for NULL.
  std::uint64_t lsn(int row, int column) const noexcept;
  /// The column of this name; -1: absent. For views that grew columns over the versions.
  int column(const char* name) const noexcept { return PQfnumber(result_.get(), name); }

 private:
  struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

}  // namespace millrace::postgres
