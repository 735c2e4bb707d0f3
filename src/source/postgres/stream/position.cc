// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/position.h"

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "base/concat.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

namespace {

std::string lsn_text(std::uint64_t lsn) { return to_string(Lsn{lsn}); }

absl::Status bad(std::string_view what) {
  return absl::InvalidArgumentError(concat("not a PostgreSQL position: ", what));
}

class LastMark final : public PositionFold {
 public:
  explicit LastMark(Position from) : position_(std::move(from)) {}
  void apply(const PositionMark& mark) override { mark_ = mark; }
  Position position() const override { return mark_ ? to_position(from_mark(*mark_)) : position_; }

 private:
  Position position_;
  std::optional<PositionMark> mark_;
};

}  // namespace

Position to_position(const LogPosition& position) {
  if (position.lsn == 0) return {};
  boost::json::object object;
  object["lsn"] = lsn_text(position.lsn);
  if (position.tell != position.lsn) object["tell"] = lsn_text(position.tell);
  if (position.last.commit_lsn != 0) {
    object["last_transaction"] = {{"commit_lsn", lsn_text(position.last.commit_lsn)},
                                  {"end_lsn", lsn_text(position.last.end_lsn)},
                                  {"xid", position.last.xid},
                                  {"commit_time_us", position.last.commit_time_us},
                                  {"changes", position.last.changes}};
  }
  return {boost::json::serialize(object)};
}

absl::StatusOr<LogPosition> parse_position(const Position& position) {
  LogPosition out;
  if (position.text.empty()) return out;
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(position.text, error);
  if (error) return bad(error.message());
  const auto* object = value.if_object();
  if (object == nullptr) return bad("no JSON object");
  const auto read_lsn = [](const boost::json::object& from, std::string_view key,
                           std::uint64_t& to) -> absl::Status {
    const auto* field = from.if_contains(key);
    if (field == nullptr || !field->is_string()) return bad(concat("no text field ", key));
    const auto lsn = parse_lsn(std::string_view(field->get_string()));
    if (!lsn) return bad(concat(key, " is no LSN"));
    to = value_of(*lsn);
    return absl::OkStatus();
  };
  if (absl::Status status = read_lsn(*object, "lsn", out.lsn); !status.ok()) return status;
  out.tell = out.lsn;
  if (object->contains("tell")) {
    if (absl::Status status = read_lsn(*object, "tell", out.tell); !status.ok()) return status;
  }
  if (const auto* last_value = object->if_contains("last_transaction")) {
    const auto* last = last_value->if_object();
    if (last == nullptr) return bad("last_transaction is no object");
    if (absl::Status status = read_lsn(*last, "commit_lsn", out.last.commit_lsn); !status.ok()) return status;
    if (absl::Status status = read_lsn(*last, "end_lsn", out.last.end_lsn); !status.ok()) return status;
    const auto number = [&](std::string_view key, auto& to) -> absl::Status {
      const auto* field = last->if_contains(key);
      boost::json::error_code none;
      if (field == nullptr) return bad(concat("no number ", key));
      to = field->to_number<std::remove_reference_t<decltype(to)>>(none);
      return none ? bad(concat(key, " is no number in range")) : absl::OkStatus();
    };
    if (absl::Status status = number("xid", out.last.xid); !status.ok()) return status;
    if (absl::Status status = number("commit_time_us", out.last.commit_time_us); !status.ok()) return status;
    if (absl::Status status = number("changes", out.last.changes); !status.ok()) return status;
  }
  return out;
}

PositionMark to_mark(const LogPosition& position) {
  PositionMark mark;
  mark.words = {position.lsn,
                position.tell,
                position.last.commit_lsn,
                position.last.end_lsn,
                position.last.xid,
                static_cast<std::uint64_t>(position.last.commit_time_us),
                position.last.changes,
                0};
  return mark;
}

LogPosition from_mark(const PositionMark& mark) {
  return {mark.words[0],
          mark.words[1],
          {mark.words[2], mark.words[3], static_cast<std::uint32_t>(mark.words[4]),
           static_cast<std::int64_t>(mark.words[5]), mark.words[6]}};
}

std::unique_ptr<PositionFold> make_position_fold(const Position& from) {
  return std::make_unique<LastMark>(from);
}

}  // namespace millrace::postgres
