// SPDX-License-Identifier: Apache-2.0
// The file that is written and the ones rotated away: names, sequence numbers, and what stands behind a
// checkpoint.
//
//   events.jsonl            being written: sequence = highest rotated number + 1
//   events.jsonl.000001     rotated away
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// A place between two lines of the output.
struct OutputPlace {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;  ///< Bytes.
  friend bool operator==(const OutputPlace&, const OutputPlace&) = default;
};

/// Reads the whole lines behind a place, through the rotated files that followed, to the end.
class OutputTail {
 public:
  OutputTail() = default;
  OutputTail(const OutputTail&) = delete;
  OutputTail& operator=(const OutputTail&) = delete;
  ~OutputTail();

  void start(std::string path, OutputPlace from) {
    path_ = std::move(path);
    place_ = from;
  }
  /// The next whole line with its line feed, valid until the next call; nullopt at the end. The place behind
  /// it: place().
  absl::StatusOr<std::optional<std::string_view>> next_line();
  const OutputPlace& place() const noexcept { return place_; }

 private:
  absl::Status fill();

  std::string path_;
  OutputPlace place_;
  int fd_ = -1;
  std::string block_;
  std::size_t begin_ = 0;  ///< First byte of block_ not handed out.
  bool last_file_ = false;
  bool end_ = false;
};

/// `path` with a rotated file's number.
std::string rotated_name(const std::string& path, std::uint64_t sequence);

/// The sequence of the file being written, as the rotated files beside it say: one that was moved away, to an
/// archive, says nothing any more, so a checkpoint may know a higher one.
absl::StatusOr<std::uint64_t> current_sequence(const std::string& path);

/// Where the file of a sequence is now: rotated or not; NotFound when it is gone. A sequence beyond the
/// rotated files is the one being written.
absl::StatusOr<std::string> find_file(const std::string& path, std::uint64_t sequence);

/// Cuts everything behind `place`: later files are removed, the place's own file becomes the one being
/// written.
absl::Status discard_behind(const std::string& path, OutputPlace place);

/// Cuts a last line without a line feed from the file at `path`; returns its size afterwards.
absl::StatusOr<std::uint64_t> cut_torn_line(const std::string& path);

/// Makes names in the folder of `path` durable: a new file's, a rotated one's.
absl::Status sync_folder(const std::string& path);

}  // namespace millrace
