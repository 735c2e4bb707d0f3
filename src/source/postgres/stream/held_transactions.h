// SPDX-License-Identifier: Apache-2.0
// Changes of transactions that are not committed yet (streamed in progress, or prepared): kept in arrival
// order, cut back when a subtransaction is rolled back, spilled to scratch files beyond the budget, read
// again on commit.
#pragma once
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/change/change.h"
#include "millrace/change/relation.h"
#include "runtime/scratch_store.h"

namespace millrace::postgres {

/// What a held message was. Followed in the log by `size` bytes of body (type byte, no xid).
struct HeldHeader {
  std::uint64_t lsn = 0;
  std::uint32_t size = 0;
  std::uint32_t relation = 0;  ///< Index into HeldTransaction::relations(); kNoHeldRelation for messages.
  std::uint32_t changes = 0;   ///< 0 for a second and later table of a truncate: it was counted once.
  ChangeKind kind = ChangeKind::kInsert;
  std::uint8_t unused[7] = {};
};
inline constexpr std::uint32_t kNoHeldRelation = 0xFFFFFFFF;

class HeldBudget;

/// A table's shape, and the place of its announcement among all of the session.
struct Announcement {
  RelationPtr relation;
  std::uint64_t number = 0;
};

/// One transaction. Owner: the ingest's thread.
class HeldTransaction {
 public:
  HeldTransaction(HeldBudget& budget, ScratchStore& scratch);
  HeldTransaction(const HeldTransaction&) = delete;
  HeldTransaction& operator=(const HeldTransaction&) = delete;
  ~HeldTransaction();

  /// Keeps one change of (sub)transaction `xid`. `body` is copied.
  absl::Status append(std::uint32_t xid, const HeldHeader& header, std::span<const std::byte> body);
  /// The message type byte and the fields behind the xid are apart on the wire: appends both as one body.
  absl::Status append(std::uint32_t xid, HeldHeader header, std::byte type,
                      std::span<const std::byte> fields);

  /// Forgets the subtransaction's changes and everything after its first one: while it ran, only it and its
  /// own children could write. Unknown subtransactions have no changes.
  absl::Status roll_back(std::uint32_t subxid);

  /// The relation versions that held changes refer to.
  std::uint32_t relation_index(const RelationPtr& relation);
  const std::vector<RelationPtr>& relations() const noexcept { return relations_; }
  /// The transaction's own view of a table, or nullptr: what it announced since it began.
  RelationPtr find_relation(std::uint64_t oid) const;
  void set_relation(Announcement announcement) {
    const std::uint64_t oid = announcement.relation->id;
    by_oid_[oid] = std::move(announcement);
  }
  const absl::flat_hash_map<std::uint64_t, Announcement>& own_relations() const noexcept { return by_oid_; }

  /// Bytes of the log, spilled ones included.
  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t changes() const noexcept { return changes_; }
  /// Those whose changes are here, without the transaction `xid` itself.
  std::vector<std::uint32_t> subtransactions(std::uint32_t xid) const;
  /// Logical messages are among them.
  bool has_messages() const noexcept { return !messages_.empty(); }
  std::size_t memory_bytes() const noexcept { return memory_bytes_; }
  std::uint64_t spilled_bytes() const noexcept { return spilled_; }

  /// Copies log bytes from `offset`; offset + into.size() <= size().
  absl::Status read(std::uint64_t offset, std::span<std::byte> into);

  std::string origin;  ///< Replication origin, when one was announced.
  std::uint64_t origin_position = 0;

 private:
  friend class HeldBudget;
  /// A block of the log in memory. Blocks follow each other without gaps, the first begins at spilled_.
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity = 0;
    std::size_t used = 0;
  };
  struct SubtransactionStart {
    std::uint64_t size;
    std::uint64_t changes;
  };

  void begin_change(std::uint32_t xid, ChangeKind kind);
  void count_notes();
  void put(std::span<const std::byte> bytes);
  absl::Status spill();
  absl::Status cut_back(std::uint64_t size);

  HeldBudget& budget_;
  ScratchStore& scratch_;
  std::deque<Block> blocks_;
  std::unique_ptr<ScratchFile> file_;
  std::uint64_t spilled_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t changes_ = 0;
  std::size_t memory_bytes_ = 0;  ///< Of blocks.
  std::size_t noted_bytes_ = 0;   ///< Of starts_ and messages_.
  absl::flat_hash_map<std::uint32_t, SubtransactionStart>
      starts_;                           ///< Where each (sub)transaction first appeared.
  std::vector<std::uint64_t> messages_;  ///< Where each begins.
  std::vector<RelationPtr> relations_;
  absl::flat_hash_map<const Relation*, std::uint32_t> relation_indices_;
  absl::flat_hash_map<std::uint64_t, Announcement> by_oid_;
};

/// The memory that all held transactions of a pipeline share. When it is spent, the largest one spills what
/// it has. What is noted of subtransactions and messages stays in memory.
class HeldBudget {
 public:
  /// @param block_bytes  of the blocks of large transactions; small ones have smaller blocks.
  /// @param notes_free   bytes of notes that do not count: those of usual transactions.
  HeldBudget(std::size_t bytes, std::size_t block_bytes, std::size_t notes_free = 1 << 20)
      : limit_(bytes), block_bytes_(block_bytes), notes_free_(notes_free) {}
  std::size_t used_bytes() const noexcept { return used_; }
  std::size_t noted_bytes() const noexcept { return noted_; }
  /// Notes take more than half of it.
  bool crowded() const noexcept { return noted_ > notes_free_ && noted_ > limit_ / 2; }
  std::size_t limit_bytes() const noexcept { return limit_; }
  std::uint64_t spilled_total() const noexcept { return spilled_total_; }

 private:
  friend class HeldTransaction;
  void enter(HeldTransaction* held) { all_.push_back(held); }
  void leave(HeldTransaction* held) { std::erase(all_, held); }
  absl::Status make_room();

  std::size_t limit_;
  std::size_t block_bytes_;
  std::size_t notes_free_;
  std::size_t used_ = 0;
  std::size_t noted_ = 0;
  std::uint64_t spilled_total_ = 0;
  std::vector<HeldTransaction*> all_;
};

}  // namespace millrace::postgres
