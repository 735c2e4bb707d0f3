// SPDX-License-Identifier: Apache-2.0
#include "sink/file/file_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <deque>
#include <filesystem>
#include <limits>
#include <system_error>
#include <thread>

#include "base/check.h"
#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "sink/file/output_files.h"

namespace millrace {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kBufferBytes = 1 << 20;  // one write
constexpr std::uint64_t kUnsyncedBytesMax =
    16U << 20;  // pieces held back by an fsync that waits for its interval
constexpr std::chrono::milliseconds kReaderWait{50};
constexpr std::uint64_t kLinesBetweenLooks = 4096;

class FileSink final : public RecordSink {
 public:
  FileSink(FileSinkOptions options, Reactor& reactor)
      : options_(std::move(options)),
        reactor_(reactor),
        format_(options_.context_headers, options_.partitions),
        write_done_(*this, &FileSink::on_written),
        room_done_(*this, &FileSink::on_room),
        sync_done_(*this, &FileSink::on_synced) {
    filling_.reserve(kBufferBytes + kBufferBytes / 4);
    writing_.reserve(kBufferBytes + kBufferBytes / 4);
  }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  ~FileSink() override {
    if (write_under_way_) reactor_.cancel_and_wait(waits_for_room_ ? &room_done_ : &write_done_);
    if (sync_under_way_) reactor_.cancel_and_wait(&sync_done_);
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }

  absl::StatusOr<SinkResume> open(std::string_view state, bool discard_tail) override {
    if (options_.path.empty()) {
      fd_ = STDOUT_FILENO;
      return SinkResume{};
    }
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::path(options_.path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    if (error) return failed(error.value(), "create the folder of");
    struct stat info;
    if (::stat(options_.path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
      // A device or a named pipe: nothing to resume, nothing to sync.
      if (absl::Status status = open_special(); !status.ok()) return status;
      return SinkResume{};
    }
    regular_ = true;
    SinkResume resume;
    if (state.empty()) {
      if (absl::Status status = begin_behind_what_is_there(); !status.ok()) return status;
    } else {
      const absl::StatusOr<OutputPlace> place = parse_state(state);
      if (!place.ok()) return place.status();
      if (discard_tail) {
        if (absl::Status status = discard_behind(options_.path, *place); !status.ok()) return status;
      }
      absl::StatusOr<std::uint64_t> tail = count_tail(*place);
      if (!tail.ok()) return tail.status();
      resume.tail_records = skip_left_ = *tail;
      passed_ = *place;
    }
    fd_ = ::open(options_.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) return failed(errno, "open");
    if (::fstat(fd_, &info) != 0) return failed(errno, "look at");
    const absl::StatusOr<std::uint64_t> sequence = current_sequence(options_.path);
    if (!sequence.ok()) return sequence.status();
    // Rotated files may have been moved away since: their numbers are not used again.
    end_ = {std::max(*sequence, passed_.sequence), static_cast<std::uint64_t>(info.st_size)};
    if (state.empty()) passed_ = end_;
    // Lines of a process that died may not be on disk yet: they are written, and the next sync is theirs too.
    if (resume.tail_records > 0) queued_ = written_ = end_.offset;
    file_offset_ = end_.offset;
    if (syncs()) {
      if (absl::Status status = sync_folder(options_.path); !status.ok()) return status;
    }
    return resume;
  }

  bool ready() const noexcept override {
    // Pieces wait here until a sync: while the disk is slow, no more of them.
    return status_.ok() && !rotating_ && filling_.size() < kBufferBytes &&
           queued_ - durable() < 2 * kUnsyncedBytesMax;
  }

  void submit(Piece* piece) override {
    std::size_t mark = 0;
    const auto note_marks = [&](std::size_t records, const OutputPlace& place) {
      while (mark < piece->marks.size() && piece->marks[mark].record_end <= records) {
        piece->marks[mark].sink_words[0] = place.sequence;
        piece->marks[mark].sink_words[1] = place.offset;
        ++mark;
      }
    };
    std::size_t i = 0;
    for (; i < piece->records.size() && skip_left_ > 0; ++i) {
      note_marks(i, tail_.place());
      if (!skip(piece->records[i])) return;
    }
    if (skip_left_ > 0) note_marks(i, tail_.place());
    for (; i < piece->records.size(); ++i) {
      note_marks(i, end_);
      const std::size_t before = filling_.size();
      format_.append_line(filling_, piece->records[i]);
      const std::size_t bytes = filling_.size() - before;
      end_.offset += bytes;
      queued_ += bytes;
    }
    note_marks(i, end_);
    pending_.push_back({piece, queued_});
    if (options_.rotate_bytes != 0 && end_.offset >= options_.rotate_bytes) rotate_soon();
  }

  Piece* poll(std::int64_t now_us) override {
    if (!status_.ok()) return nullptr;
    if (file_opened_us_ == 0) file_opened_us_ = last_sync_us_ = now_us;
    if (options_.rotate_interval_us != 0 && regular_ && end_.offset > 0 &&
        now_us - file_opened_us_ >= options_.rotate_interval_us) {
      rotate_soon();
    }
    move_on(now_us);
    if (!status_.ok() || pending_.empty() || pending_.front().end > durable()) return nullptr;
    Piece* piece = pending_.front().piece;
    pending_.pop_front();
    return piece;
  }

  absl::Status status() const override { return status_; }

  void pass(const Piece& piece, std::size_t mark) override {
    passed_ = {piece.marks[mark].sink_words[0], piece.marks[mark].sink_words[1]};
  }

  std::string state() const override {
    if (!regular_) return {};
    return boost::json::serialize(boost::json::object{
        {"path", options_.path}, {"sequence", passed_.sequence}, {"offset", passed_.offset}});
  }

  void flush() override { flush_ = true; }

  std::int64_t next_deadline_us() const noexcept override {
    if (!status_.ok()) return kNever;
    std::int64_t deadline = kNever;
    if (syncs() && options_.fsync == FileSinkOptions::Fsync::kInterval && written_ > synced_ &&
        !sync_under_way_) {
      deadline = last_sync_us_ + options_.fsync_interval_us;
    }
    if (options_.rotate_interval_us != 0 && regular_ && end_.offset > 0 && !rotating_) {
      deadline = std::min(deadline, file_opened_us_ + options_.rotate_interval_us);
    }
    return deadline;
  }

 private:
  /// Calls a member when the reactor completes.
  class Done final : public Completion {
   public:
    Done(FileSink& sink, void (FileSink::*member)(int)) : sink_(sink), member_(member) {}
    void complete(int result) override { (sink_.*member_)(result); }

   private:
    FileSink& sink_;
    void (FileSink::*member_)(int);
  };
  struct Pending {
    Piece* piece;
    std::uint64_t end;  ///< Of its lines, in bytes queued since open().
  };

  absl::Status failed(int error, std::string_view what) const {
    return with_reason(absl::ErrnoToStatus(error, concat("cannot ", what, " the output ",
                                                         options_.path.empty() ? "stdout" : options_.path)),
                       ReasonCode::kSinkWriteFailed);
  }

  bool syncs() const noexcept { return regular_ && options_.fsync != FileSinkOptions::Fsync::kNever; }
  std::uint64_t durable() const noexcept { return syncs() ? synced_ : written_; }

  absl::StatusOr<OutputPlace> parse_state(std::string_view state) const {
    boost::json::error_code error;
    const boost::json::value value = boost::json::parse({state.data(), state.size()}, error);
    const auto* object = error ? nullptr : value.if_object();
    const auto* sequence = object == nullptr ? nullptr : object->if_contains("sequence");
    const auto* offset = object == nullptr ? nullptr : object->if_contains("offset");
    const auto* path = object == nullptr ? nullptr : object->if_contains("path");
    boost::json::error_code none;
    OutputPlace place;
    if (sequence != nullptr) place.sequence = sequence->to_number<std::uint64_t>(none);
    if (offset != nullptr && !none) place.offset = offset->to_number<std::uint64_t>(none);
    if (sequence == nullptr || offset == nullptr || path == nullptr || !path->is_string() || none) {
      return with_reason(absl::DataLossError("the checkpoint's sink state is not a file sink's"),
                         ReasonCode::kCheckpointMismatch);
    }
    if (std::string_view(path->get_string()) != options_.path) {
      return with_reason(absl::FailedPreconditionError(concat("the checkpoint belongs to the output file ",
                                                              std::string_view(path->get_string()),
                                                              ", not to ", options_.path)),
                         ReasonCode::kCheckpointMismatch);
    }
    return place;
  }

  absl::Status open_special() {
    // A named pipe cannot be opened before somebody reads it.
    for (bool told = false;; told = true) {
      fd_ = ::open(options_.path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
      if (fd_ >= 0) break;
      if (errno != ENXIO) return failed(errno, "open");
      if (!told) log_info("file", "waiting for a reader of the named pipe", {{"file", options_.path}});
      if (options_.stop_requested()) return stopped();
      std::this_thread::sleep_for(kReaderWait);
    }
    const int flags = ::fcntl(fd_, F_GETFL);
    if (flags < 0 || ::fcntl(fd_, F_SETFL, flags & ~O_NONBLOCK) != 0) return failed(errno, "open");
    return absl::OkStatus();
  }

  static absl::Status stopped() { return absl::CancelledError("stopped while the output was being opened"); }

  absl::Status begin_behind_what_is_there() {
    // Somebody's lines from before: they stay. A last line without its feed gets one.
    const int fd = ::open(options_.path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? absl::OkStatus() : failed(errno, "open");
    char last = '\n';
    const off_t size = ::lseek(fd, 0, SEEK_END);
    bool ok = size <= 0 || ::pread(fd, &last, 1, size - 1) == 1;
    if (ok && last != '\n') ok = ::pwrite(fd, "\n", 1, size) == 1;
    const int error = errno;
    ::close(fd);
    return ok ? absl::OkStatus() : failed(error, "continue");
  }

  /// Counts the whole lines behind the checkpoint and cuts a torn one.
  absl::StatusOr<std::uint64_t> count_tail(const OutputPlace& place) {
    const absl::StatusOr<std::string> file = find_file(options_.path, place.sequence);
    std::error_code error;
    const std::uint64_t size = file.ok() ? std::filesystem::file_size(*file, error) : 0;
    if ((!file.ok() && place.offset != 0) || error || size < place.offset) {
      return with_reason(
          absl::DataLossError(concat("the output ", options_.path, " is shorter than its checkpoint: file ",
                                     place.sequence, " has ", size, " bytes, ", place.offset,
                                     " were delivered. Lines were lost or the file was replaced. To start "
                                     "anew: millrace position reset")),
          ReasonCode::kSinkTailMismatch);
    }
    if (const auto cut = cut_torn_line(options_.path); !cut.ok()) return cut.status();
    OutputTail counting;
    counting.start(options_.path, place);
    std::uint64_t lines = 0;
    for (;;) {
      const auto line = counting.next_line();
      if (!line.ok()) return line.status();
      if (!*line) break;
      if (++lines % kLinesBetweenLooks == 0 && options_.stop_requested()) return stopped();
    }
    tail_.start(options_.path, place);
    return lines;
  }

  /// The record stands in the file already; true when it is the one.
  bool skip(const Record& record) {
    const auto line = tail_.next_line();
    if (!line.ok()) {
      status_ = line.status();
      return false;
    }
    MILLRACE_CHECK(line->has_value(), "the tail has as many lines as were counted");
    if (!format_.same(**line, record, scratch_)) {
      const LineFormat::Likeness likeness = LineFormat::compare_changes(**line, scratch_, skipped_other_key_);
      skipped_other_key_ = likeness == LineFormat::Likeness::kSameWithOtherKey;
      if (likeness != LineFormat::Likeness::kOther) {
        if (!told_of_other_text_) {
          log_warn(
              "file",
              "lines behind the checkpoint would be written differently now (a table was altered meanwhile, "
              "or this is another version): they stay as they are",
              {{"file", options_.path}});
        }
        told_of_other_text_ = true;
        --skip_left_;
        return true;
      }
      status_ =
          with_reason(absl::DataLossError(concat(
                          "the output ", options_.path,
                          " does not continue with what the source sends: the line "
                          "that ends at byte ",
                          tail_.place().offset, " of file ", tail_.place().sequence,
                          " is another record than the one that comes again for topic ", record.topic->name,
                          ". The file was edited, or options that change messages were changed while lines "
                          "stood behind the checkpoint. Restore the options, or cut the file there")),
                      ReasonCode::kSinkTailMismatch);
      return false;
    }
    skipped_other_key_ = false;
    --skip_left_;
    return true;
  }

  void rotate_soon() {
    if (regular_) rotating_ = true;
  }

  void move_on(std::int64_t now_us) {
    if (!write_under_way_ && !filling_.empty()) {
      std::swap(filling_, writing_);
      filling_.clear();
      write_at_ = 0;
      continue_write();
    }
    if (syncs() && !sync_under_way_ && written_ > synced_) {
      const bool due = options_.fsync == FileSinkOptions::Fsync::kAlways || flush_ || rotating_ ||
                       now_us - last_sync_us_ >= options_.fsync_interval_us ||
                       written_ - synced_ >= kUnsyncedBytesMax;
      if (due) {
        sync_target_ = written_;
        sync_under_way_ = true;
        last_sync_us_ = now_us;
        reactor_.fdatasync(fd_, &sync_done_);
      }
    }
    if (durable() == queued_) flush_ = false;
    if (rotating_ && durable() == queued_ && !write_under_way_ && !sync_under_way_) rotate(now_us);
  }

  void continue_write() {
    write_under_way_ = true;
    const auto bytes = std::as_bytes(std::span(writing_)).subspan(write_at_);
    const std::int64_t offset = regular_ ? static_cast<std::int64_t>(file_offset_) : -1;
    reactor_.write(fd_, bytes, offset, &write_done_);
  }

  void on_written(int result) {
    write_under_way_ = false;
    if (result == -EINTR) return continue_write();
    if (result == -EAGAIN) {
      // Somebody who shares our stdout has made it non-blocking.
      waits_for_room_ = write_under_way_ = true;
      reactor_.poll_fd(fd_, POLLOUT, &room_done_);
      return;
    }
    if (result <= 0) {
      status_ = failed(result == 0 ? EIO : -result, "write");
      return;
    }
    const auto n = static_cast<std::size_t>(result);
    file_offset_ += n;
    written_ += n;
    write_at_ += n;
    if (write_at_ < writing_.size()) continue_write();
  }

  void on_room(int result) {
    waits_for_room_ = write_under_way_ = false;
    if (result < 0) {
      status_ = failed(-result, "write");
      return;
    }
    continue_write();
  }

  void on_synced(int result) {
    sync_under_way_ = false;
    if (result < 0) {
      // After a failed sync nobody knows what the disk has: never try again as if nothing had happened.
      status_ = failed(-result, "sync");
      return;
    }
    synced_ = sync_target_;
  }

  void rotate(std::int64_t now_us) {
    rotating_ = false;
    if (!syncs() && ::fdatasync(fd_) != 0) {
      status_ = failed(errno, "sync");
      return;
    }
    const std::string away = rotated_name(options_.path, end_.sequence);
    if (::rename(options_.path.c_str(), away.c_str()) != 0) {
      status_ = failed(errno, "rotate");
      return;
    }
    const int fresh = ::open(options_.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fresh < 0) {
      status_ = failed(errno, "create");
      return;
    }
    ::close(fd_);
    fd_ = fresh;
    // A synced line in a file whose name is lost is lost.
    if (syncs()) status_ = sync_folder(options_.path);
    end_ = {end_.sequence + 1, 0};
    file_offset_ = 0;
    file_opened_us_ = now_us;
  }

  const FileSinkOptions options_;
  Reactor& reactor_;
  const LineFormat format_;
  int fd_ = -1;
  bool regular_ = false;
  absl::Status status_;

  // Lines standing behind the checkpoint that come again.
  OutputTail tail_;
  std::uint64_t skip_left_ = 0;
  std::string scratch_;
  bool told_of_other_text_ = false;
  bool skipped_other_key_ = false;  ///< The line before has another key than its record.

  // Bytes since open(), behind what stood there to be compared: queued by submit(), written, known to be on
  // disk.
  std::uint64_t queued_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t sync_target_ = 0;
  std::uint64_t file_offset_ = 0;  ///< Where the next write goes.
  OutputPlace end_;                ///< Behind the last queued line.
  OutputPlace passed_;             ///< Behind the last passed mark.
  std::deque<Pending> pending_;

  std::string filling_;
  std::string writing_;
  std::size_t write_at_ = 0;
  bool write_under_way_ = false;
  bool waits_for_room_ = false;  ///< Instead of writing.
  bool sync_under_way_ = false;
  bool flush_ = false;
  bool rotating_ = false;
  std::int64_t last_sync_us_ = 0;
  std::int64_t file_opened_us_ = 0;
  Done write_done_;
  Done room_done_;
  Done sync_done_;
};

}  // namespace

std::unique_ptr<RecordSink> make_file_sink(FileSinkOptions options, Reactor& reactor) {
  return std::make_unique<FileSink>(std::move(options), reactor);
}

}  // namespace millrace
