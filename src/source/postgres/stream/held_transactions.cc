// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/held_transactions.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/failpoint.h"

namespace millrace::postgres {

namespace {
constexpr std::uint64_t kBlockBytesMin = 1024;
}  // namespace

HeldTransaction::HeldTransaction(HeldBudget& budget, ScratchStore& scratch)
    : budget_(budget), scratch_(scratch) {
  budget_.enter(this);
}

HeldTransaction::~HeldTransaction() {
  budget_.used_ -= memory_bytes_;
  budget_.noted_ -= noted_bytes_;
  budget_.leave(this);
}

std::uint32_t HeldTransaction::relation_index(const RelationPtr& relation) {
  const auto [found, added] =
      relation_indices_.try_emplace(relation.get(), static_cast<std::uint32_t>(relations_.size()));
  if (added) relations_.push_back(relation);
  return found->second;
}

RelationPtr HeldTransaction::find_relation(std::uint64_t oid) const {
  const auto found = by_oid_.find(oid);
  return found == by_oid_.end() ? nullptr : found->second.relation;
}

void HeldTransaction::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().used == blocks_.back().capacity) {
      Block block;
      // As much again as there is, so that thousands of small transactions fit.
      block.capacity = static_cast<std::size_t>(
          std::min<std::uint64_t>(std::max(size_, kBlockBytesMin), budget_.block_bytes_));
      block.bytes.reset(new std::byte[block.capacity]);
      memory_bytes_ += block.capacity;
      budget_.used_ += block.capacity;
      blocks_.push_back(std::move(block));
    }
    Block& block = blocks_.back();
    const std::size_t n = std::min(bytes.size(), block.capacity - block.used);
    std::memcpy(block.bytes.get() + block.used, bytes.data(), n);
    block.used += n;
    size_ += n;
    bytes = bytes.subspan(n);
  }
}

void HeldTransaction::begin_change(std::uint32_t xid, ChangeKind kind) {
  starts_.try_emplace(xid, SubtransactionStart{size_, changes_});
  if (kind == ChangeKind::kMessage) messages_.push_back(size_);
  count_notes();
}

void HeldTransaction::count_notes() {
  constexpr std::size_t kStartBytes = sizeof(decltype(starts_)::value_type) + 1;
  const std::size_t bytes =
      starts_.capacity() * kStartBytes + messages_.capacity() * sizeof(decltype(messages_)::value_type);
  budget_.noted_ += bytes - noted_bytes_;
  noted_bytes_ = bytes;
}

absl::Status HeldTransaction::append(std::uint32_t xid, const HeldHeader& header,
                                     std::span<const std::byte> body) {
  HeldHeader whole = header;
  whole.size = static_cast<std::uint32_t>(body.size());
  begin_change(xid, whole.kind);
  put(std::as_bytes(std::span(&whole, 1)));
  put(body);
  changes_ += whole.changes;
  return budget_.make_room();
}

absl::Status HeldTransaction::append(std::uint32_t xid, HeldHeader header, std::byte type,
                                     std::span<const std::byte> fields) {
  header.size = static_cast<std::uint32_t>(fields.size() + 1);
  begin_change(xid, header.kind);
  put(std::as_bytes(std::span(&header, 1)));
  put({&type, 1});
  put(fields);
  changes_ += header.changes;
  return budget_.make_room();
}

absl::Status HeldTransaction::roll_back(std::uint32_t subxid) {
  const auto found = starts_.find(subxid);
  if (found == starts_.end()) return absl::OkStatus();
  const SubtransactionStart start = found->second;
  // Whoever first appeared behind that place is gone as well: its own children.
  absl::erase_if(starts_, [&](const auto& entry) { return entry.second.size >= start.size; });
  changes_ = start.changes;
  std::erase_if(messages_, [&](std::uint64_t at) { return at >= start.size; });
  count_notes();
  return cut_back(start.size);
}

std::vector<std::uint32_t> HeldTransaction::subtransactions(std::uint32_t xid) const {
  std::vector<std::uint32_t> out;
  for (const auto& [started, start] : starts_) {
    if (started != xid) out.push_back(started);
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::Status HeldTransaction::cut_back(std::uint64_t size) {
  if (size < spilled_) {
    for (const Block& block : blocks_) {
      memory_bytes_ -= block.capacity;
      budget_.used_ -= block.capacity;
    }
    blocks_.clear();
    spilled_ = size;
    size_ = size;
    return file_->truncate(size);
  }
  while (size_ > size) {
    Block& block = blocks_.back();
    const std::uint64_t cut = std::min<std::uint64_t>(size_ - size, block.used);
    block.used -= static_cast<std::size_t>(cut);
    size_ -= cut;
    if (block.used == 0) {
      memory_bytes_ -= block.capacity;
      budget_.used_ -= block.capacity;
      blocks_.pop_back();
    }
  }
  return absl::OkStatus();
}

absl::Status HeldTransaction::spill() {
  if (file_ == nullptr) {
    auto file = scratch_.create();
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
  }
  while (!blocks_.empty()) {
    Block& block = blocks_.front();
    if (absl::Status status = file_->append({block.bytes.get(), block.used}); !status.ok()) return status;
    MILLRACE_FAILPOINT(kSourceSpilled, return injected);
    spilled_ += block.used;
    budget_.spilled_total_ += block.used;
    memory_bytes_ -= block.capacity;
    budget_.used_ -= block.capacity;
    blocks_.pop_front();
  }
  return absl::OkStatus();
}

absl::Status HeldBudget::make_room() {
  const std::size_t notes = noted_ > notes_free_ ? noted_ : 0;
  while (used_ + notes > limit_ && used_ > 0) {
    const auto largest = std::max_element(all_.begin(), all_.end(), [](const auto* a, const auto* b) {
      return a->memory_bytes() < b->memory_bytes();
    });
    MILLRACE_CHECK(largest != all_.end() && (*largest)->memory_bytes() > 0,
                   "memory in use belongs to somebody");
    if (absl::Status status = (*largest)->spill(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HeldTransaction::read(std::uint64_t offset, std::span<std::byte> into) {
  MILLRACE_CHECK(offset + into.size() <= size_, "reads stay inside the log");
  if (offset < spilled_) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), spilled_ - offset));
    if (absl::Status status = file_->read(offset, into.first(n)); !status.ok()) return status;
    offset += n;
    into = into.subspan(n);
  }
  std::uint64_t begin = spilled_;
  for (const Block& block : blocks_) {
    if (into.empty()) break;
    if (offset < begin + block.used) {
      const auto at = static_cast<std::size_t>(offset - begin);
      const std::size_t n = std::min(into.size(), block.used - at);
      std::memcpy(into.data(), block.bytes.get() + at, n);
      offset += n;
      into = into.subspan(n);
    }
    begin += block.used;
  }
  return absl::OkStatus();
}

}  // namespace millrace::postgres
