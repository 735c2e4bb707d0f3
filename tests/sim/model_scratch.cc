// SPDX-License-Identifier: Apache-2.0
#include "sim/model_scratch.h"

#include <algorithm>

namespace millrace::sim {

class ModelScratch::File final : public ScratchFile {
 public:
  explicit File(ModelScratch& disk) : disk_(disk) { ++disk_.open_files_; }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() override { --disk_.open_files_; }

  absl::Status append(std::span<const std::byte> bytes) override {
    if (disk_.full_) return absl::ResourceExhaustedError("the model's scratch disk is full");
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status read(std::uint64_t offset, std::span<std::byte> into) override {
    if (disk_.full_ && disk_.broken_) return absl::DataLossError("the model's scratch disk cannot be read");
    if (offset + into.size() > bytes_.size()) return absl::OutOfRangeError("the scratch file is shorter");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return absl::OkStatus();
  }
  absl::Status truncate(std::uint64_t size) override {
    if (disk_.full_) return absl::ResourceExhaustedError("the model's scratch disk is full");
    bytes_.resize(static_cast<std::size_t>(size));
    return absl::OkStatus();
  }

 private:
  ModelScratch& disk_;
  std::vector<std::byte> bytes_;
};

absl::StatusOr<std::unique_ptr<ScratchFile>> ModelScratch::create() {
  if (full_) return absl::ResourceExhaustedError("the model's scratch disk is full");
  return std::make_unique<File>(*this);
}

}  // namespace millrace::sim
