// SPDX-License-Identifier: Apache-2.0
// The edge to scratch space: what does not fit memory and need not survive a crash, because the server sends
// it again.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace millrace {

/// One growing file. Reads and writes go to the page cache and are calls, not actions: nothing waits for a
/// disk unless the kernel throttles the writer, and then waiting is right.
class ScratchFile {
 public:
  virtual ~ScratchFile() = default;
  virtual absl::Status append(std::span<const std::byte> bytes) = 0;
  /// Fills `into` from `offset`; OutOfRange when the file is shorter.
  virtual absl::Status read(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual absl::Status truncate(std::uint64_t size) = 0;
};

/// Makes scratch files. They vanish with their object, and with the process.
class ScratchStore {
 public:
  virtual ~ScratchStore() = default;
  virtual absl::StatusOr<std::unique_ptr<ScratchFile>> create() = 0;
};

/// Scratch files without a name in `folder`, which is created when missing.
std::unique_ptr<ScratchStore> make_scratch_folder(std::string folder);

}  // namespace millrace
