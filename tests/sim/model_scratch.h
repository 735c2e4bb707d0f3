// SPDX-License-Identifier: Apache-2.0
// A scratch disk that can be full.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/scratch_store.h"

namespace millrace::sim {

class ModelScratch final : public ScratchStore {
 public:
  absl::StatusOr<std::unique_ptr<ScratchFile>> create() override;

  /// @param broken  and cannot be read either.
  void set_full(bool full, bool broken = false) noexcept {
    full_ = full;
    broken_ = broken;
  }
  bool full() const noexcept { return full_; }
  std::size_t open_files() const noexcept { return open_files_; }

 private:
  class File;
  bool full_ = false;
  bool broken_ = false;
  std::size_t open_files_ = 0;
};

}  // namespace millrace::sim
