// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/checkpoint_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/concat.h"
#include "base/reason_code.h"
#include "checkpoint/checkpoint_copies.h"
#include "checkpoint/checkpoint_text.h"

namespace millrace {

namespace {

absl::Status system_error(std::string_view what, const std::string& path, ReasonCode code) {
  const int error = errno;
  return with_reason(absl::ErrnoToStatus(error, concat("cannot ", what, " ", path)), code);
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

absl::StatusOr<Descriptor> take_lock(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(folder_of(path), error);
  if (error) {
    return with_reason(absl::ErrnoToStatus(error.value(), concat("cannot create the folder of ", path)),
                       ReasonCode::kCheckpointWriteFailed);
  }
  const std::string lock_path = path + ".lock";
  Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock) return system_error("open", lock_path, ReasonCode::kCheckpointWriteFailed);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock", lock_path, ReasonCode::kCheckpointWriteFailed);
    return with_reason(absl::FailedPreconditionError(concat(
                           "another millrace runs this pipeline: ", lock_path, " is locked. Stop it first")),
                       ReasonCode::kCheckpointLocked);
  }
  return lock;
}

/// nullopt: there is no such file.
absl::StatusOr<std::optional<std::string>> read_file(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    return system_error("open", path, ReasonCode::kCheckpointCorrupt);
  }
  std::string text;
  char block[65536];
  for (;;) {
    const ssize_t n = ::read(file.get(), block, sizeof block);
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error("read", path, ReasonCode::kCheckpointCorrupt);
    }
    if (n == 0) return text;
    text.append(block, static_cast<std::size_t>(n));
    if (text.size() > kCheckpointBytesMax) return text;  // the parser refuses it
  }
}

absl::Status sync_folder(const std::string& path) {
  const std::string folder = folder_of(path);
  Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    return system_error("sync", folder, ReasonCode::kCheckpointWriteFailed);
  return absl::OkStatus();
}

absl::Status replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  {
    Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) return system_error("create", fresh, ReasonCode::kCheckpointWriteFailed);
    while (!text.empty()) {
      const ssize_t n = ::write(file.get(), text.data(), text.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return system_error("write", fresh, ReasonCode::kCheckpointWriteFailed);
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(file.get()) != 0) return system_error("sync", fresh, ReasonCode::kCheckpointWriteFailed);
  }
  // The newest steps back before the new one steps in its place: a crash between leaves the older one, which
  // is enough.
  if (::rename(path.c_str(), (path + ".previous").c_str()) != 0 && errno != ENOENT) {
    return system_error("rename", path, ReasonCode::kCheckpointWriteFailed);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return system_error("rename", fresh, ReasonCode::kCheckpointWriteFailed);
  return sync_folder(path);
}

/// A newest copy that cannot be used would step over the good one before it when the next is written.
absl::Status put_damaged_aside(const std::string& path) {
  const absl::StatusOr<std::optional<std::string>> text = read_file(path);
  if (!text.ok()) return text.status();
  if (!*text || parse_checkpoint(**text).ok()) return absl::OkStatus();
  const std::string aside = path + ".damaged";
  if (::rename(path.c_str(), aside.c_str()) != 0)
    return system_error("rename", path, ReasonCode::kCheckpointWriteFailed);
  return absl::OkStatus();
}

class CheckpointFile final : public CheckpointStore {
 public:
  CheckpointFile(std::string path, std::string pipeline, std::function<void()> wake)
      : path_(std::move(path)), pipeline_(std::move(pipeline)), wake_(std::move(wake)) {}
  CheckpointFile(const CheckpointFile&) = delete;
  CheckpointFile& operator=(const CheckpointFile&) = delete;

  ~CheckpointFile() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  absl::StatusOr<StoredCheckpoints> open() override {
    absl::StatusOr<Descriptor> lock = take_lock(path_);
    if (!lock.ok()) return lock.status();
    absl::StatusOr<StoredCheckpoints> stored = read_checkpoint_file(path_);
    if (!stored.ok()) return stored.status();
    if (stored->newest && stored->newest->pipeline != pipeline_) {
      return with_reason(
          absl::FailedPreconditionError(concat(path_, " belongs to pipeline \"", stored->newest->pipeline,
                                               "\", not \"", pipeline_, "\"")),
          ReasonCode::kCheckpointMismatch);
    }
    if (absl::Status status = put_damaged_aside(path_); !status.ok()) return status;
    lock_ = *std::move(lock);
    thread_ = std::thread([this] { run(); });
    return stored;
  }

  void write(Checkpoint checkpoint) override {
    {
      const std::lock_guard lock(mutex_);
      job_ = std::move(checkpoint);
    }
    changed_.notify_one();
  }

  std::optional<absl::StatusOr<std::uint64_t>> poll() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(outcome_, std::nullopt);
  }

 private:
  void run() {
    for (;;) {
      Checkpoint checkpoint;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || job_.has_value(); });
        if (!job_) return;
        checkpoint = *std::move(job_);
        job_.reset();
      }
      const std::string text = to_text(checkpoint);
      absl::Status status = check_size(text);
      if (status.ok()) status = replace_file(path_, text);
      {
        const std::lock_guard lock(mutex_);
        if (status.ok()) {
          outcome_ = checkpoint.generation;
        } else {
          outcome_ = status;
        }
      }
      wake_();
    }
  }

  const std::string path_;
  const std::string pipeline_;
  const std::function<void()> wake_;
  Descriptor lock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Checkpoint> job_;
  std::optional<absl::StatusOr<std::uint64_t>> outcome_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<CheckpointStore> make_checkpoint_file(std::string path, std::string pipeline,
                                                      std::function<void()> wake) {
  return std::make_unique<CheckpointFile>(std::move(path), std::move(pipeline), std::move(wake));
}

absl::StatusOr<StoredCheckpoints> read_checkpoint_file(const std::string& path) {
  CheckpointCopy newest{.name = path, .text = {}};
  CheckpointCopy previous{.name = path + ".previous", .text = {}};
  for (CheckpointCopy* copy : {&newest, &previous}) {
    absl::StatusOr<std::optional<std::string>> text = read_file(copy->name);
    if (!text.ok()) return text.status();
    copy->text = *std::move(text);
  }
  return choose_checkpoints(newest, previous);
}

absl::Status overwrite_checkpoint_file(const std::string& path, const Checkpoint& checkpoint) {
  const absl::StatusOr<Descriptor> lock = take_lock(path);
  if (!lock.ok()) return lock.status();
  const std::string text = to_text(checkpoint);
  if (absl::Status status = replace_file(path, text); !status.ok()) return status;
  return replace_file(path, text);
}

absl::Status remove_checkpoint_file(const std::string& path) {
  const absl::StatusOr<Descriptor> lock = take_lock(path);
  if (!lock.ok()) return lock.status();
  for (const std::string& name : {path + ".previous", path}) {
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) {
      return system_error("remove", name, ReasonCode::kCheckpointWriteFailed);
    }
  }
  return sync_folder(path);
}

}  // namespace millrace
