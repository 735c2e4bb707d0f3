// SPDX-License-Identifier: Apache-2.0
#include "runtime/scratch_store.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

class FolderFile final : public ScratchFile {
 public:
  FolderFile(int fd, std::string folder) : fd_(fd), folder_(std::move(folder)) {}
  FolderFile(const FolderFile&) = delete;
  FolderFile& operator=(const FolderFile&) = delete;
  ~FolderFile() override { ::close(fd_); }

  absl::Status append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failed("write");
      }
      size_ += static_cast<std::uint64_t>(n);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status read(std::uint64_t offset, std::span<std::byte> into) override {
    while (!into.empty()) {
      const ssize_t n = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failed("read");
      }
      if (n == 0)
        return absl::OutOfRangeError(absl::StrCat("scratch file in ", folder_, " ends at byte ", offset));
      offset += static_cast<std::uint64_t>(n);
      into = into.subspan(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed("truncate");
    size_ = size;
    return absl::OkStatus();
  }

 private:
  absl::Status failed(const char* what) const {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " a scratch file in ", folder_));
  }

  int fd_;
  std::uint64_t size_ = 0;
  std::string folder_;
};

class Folder final : public ScratchStore {
 public:
  explicit Folder(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::unique_ptr<ScratchFile>> create() override {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error)
      return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create the spill folder ", folder_));
    int fd = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
      // A file system without nameless files: make one and take its name away.
      std::string name = folder_ + "/scratch-XXXXXX";
      fd = ::mkostemp(name.data(), O_CLOEXEC);
      if (fd >= 0) ::unlink(name.c_str());
    }
    if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create a scratch file in ", folder_));
    return std::make_unique<FolderFile>(fd, folder_);
  }

 private:
  std::string folder_;
};

}  // namespace

std::unique_ptr<ScratchStore> make_scratch_folder(std::string folder) {
  return std::make_unique<Folder>(std::move(folder));
}

}  // namespace millrace
