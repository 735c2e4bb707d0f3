// SPDX-License-Identifier: Apache-2.0
#include "sink/file/output_files.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace {

namespace {

constexpr std::size_t kBlockBytes = 1 << 20;

absl::Status failed(std::string_view what, const std::string& path) {
  const int error = errno;
  return with_reason(absl::ErrnoToStatus(error, concat("cannot ", what, " ", path)),
                     ReasonCode::kSinkWriteFailed);
}

}  // namespace

std::string rotated_name(const std::string& path, std::uint64_t sequence) {
  return absl::StrFormat("%s.%06d", path, sequence);
}

absl::StatusOr<std::uint64_t> current_sequence(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::filesystem::path folder = whole.parent_path().empty() ? "." : whole.parent_path();
  const std::string prefix = whole.filename().string() + ".";
  std::uint64_t highest = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::uint64_t number = 0;
    if (name.size() < prefix.size() + 6 || name.compare(0, prefix.size(), prefix) != 0) continue;
    if (name.find_first_not_of("0123456789", prefix.size()) != std::string::npos) continue;
    if (absl::SimpleAtoi(name.substr(prefix.size()), &number)) highest = std::max(highest, number);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return with_reason(absl::ErrnoToStatus(error.value(), concat("cannot list ", folder.string())),
                       ReasonCode::kSinkWriteFailed);
  }
  return highest + 1;
}

absl::StatusOr<std::string> find_file(const std::string& path, std::uint64_t sequence) {
  const std::string rotated = rotated_name(path, sequence);
  if (::access(rotated.c_str(), F_OK) == 0) return rotated;
  const absl::StatusOr<std::uint64_t> current = current_sequence(path);
  if (!current.ok()) return current.status();
  if (*current <= sequence && ::access(path.c_str(), F_OK) == 0) return path;
  return absl::NotFoundError(concat("output file number ", sequence, " of ", path, " is gone"));
}

absl::Status discard_behind(const std::string& path, OutputPlace place) {
  const absl::StatusOr<std::uint64_t> current = current_sequence(path);
  if (!current.ok()) return current.status();
  // Files that were moved away leave `current` below the place's: then its own file is the one being written.
  for (std::uint64_t later = *current; later > place.sequence; --later) {
    const std::string name = later == *current ? path : rotated_name(path, later);
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) return failed("remove", name);
  }
  if (*current > place.sequence) {
    const std::string rotated = rotated_name(path, place.sequence);
    if (::rename(rotated.c_str(), path.c_str()) != 0) return failed("rename", rotated);
  }
  if (::truncate(path.c_str(), static_cast<off_t>(place.offset)) != 0 &&
      (errno != ENOENT || place.offset != 0)) {
    return failed("cut", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> cut_torn_line(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return 0;
    return failed("open", path);
  }
  struct stat info;
  if (::fstat(fd, &info) != 0) {
    absl::Status status = failed("look at", path);
    ::close(fd);
    return status;
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  std::uint64_t end = size;
  std::string block(65536, '\0');
  while (end > 0) {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(end, block.size()));
    const ssize_t got = ::pread(fd, block.data(), n, static_cast<off_t>(end - n));
    if (got != static_cast<ssize_t>(n)) {
      absl::Status status = failed("read", path);
      ::close(fd);
      return status;
    }
    const std::size_t feed = std::string_view(block.data(), n).rfind('\n');
    if (feed != std::string_view::npos) {
      end = end - n + feed + 1;
      break;
    }
    end -= n;
  }
  if (end != size && ::ftruncate(fd, static_cast<off_t>(end)) != 0) {
    absl::Status status = failed("cut", path);
    ::close(fd);
    return status;
  }
  ::close(fd);
  return end;
}

absl::Status sync_folder(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open", folder);
  const absl::Status status = ::fsync(fd) == 0 ? absl::OkStatus() : failed("sync", folder);
  ::close(fd);
  return status;
}

OutputTail::~OutputTail() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status OutputTail::fill() {
  block_.erase(0, begin_);
  begin_ = 0;
  for (;;) {
    if (fd_ < 0) {
      const absl::StatusOr<std::string> name = find_file(path_, place_.sequence);
      if (!name.ok()) {
        end_ = true;
        return absl::OkStatus();
      }
      fd_ = ::open(name->c_str(), O_RDONLY | O_CLOEXEC);
      if (fd_ < 0) return failed("open", *name);
      last_file_ = *name == path_;
      if (::lseek(fd_, static_cast<off_t>(place_.offset), SEEK_SET) < 0) return failed("read", *name);
    }
    const std::size_t had = block_.size();
    block_.resize(had + kBlockBytes);
    const ssize_t n = ::read(fd_, block_.data() + had, kBlockBytes);
    if (n < 0) return failed("read", path_);
    block_.resize(had + static_cast<std::size_t>(n));
    if (n > 0) return absl::OkStatus();
    ::close(fd_);
    fd_ = -1;
    if (last_file_) {
      end_ = true;
      return absl::OkStatus();
    }
    // Rotation happens between lines, so a rotated file ends with one.
    ++place_.sequence;
    place_.offset = 0;
  }
}

absl::StatusOr<std::optional<std::string_view>> OutputTail::next_line() {
  for (;;) {
    const std::size_t feed = block_.find('\n', begin_);
    if (feed != std::string::npos) {
      const std::string_view line(block_.data() + begin_, feed + 1 - begin_);
      begin_ = feed + 1;
      place_.offset += line.size();
      return line;
    }
    if (end_) return std::nullopt;
    if (absl::Status status = fill(); !status.ok()) return status;
  }
}

}  // namespace millrace
