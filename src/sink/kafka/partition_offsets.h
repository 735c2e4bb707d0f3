// SPDX-License-Identifier: Apache-2.0
// How far each partition has been filled: what a checkpoint holds of a Kafka output.
//
//   {"kind":"kafka","cluster":"lkc-1","topics":{"p.public.t":{"id":"x7Q...","partitions":3,"next":{"0":12,"2":5}}}}
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Owner: the order stage's thread.
class PartitionOffsets {
 public:
  struct TopicOffsets {
    std::string id;  ///< The cluster's own for the topic; empty: unknown.
    std::int32_t partitions = 0;
    std::map<std::int32_t, std::int64_t> next;  ///< Behind the last record, by touched partition.
  };
  using Topics = std::map<std::string, TopicOffsets, std::less<>>;

  /// Continues with what a checkpoint held; an empty text is a fresh start.
  /// @return DataLoss (CHECKPOINT_MISMATCH) when the text is not a Kafka output's.
  absl::Status restore(std::string_view state);

  const std::string& cluster() const noexcept { return cluster_; }
  void set_cluster(std::string id) { cluster_ = std::move(id); }
  const Topics& topics() const noexcept { return topics_; }

  /// A topic is written to from now on.
  /// @return the place of its partition 0; partition p has the place behind it by p.
  std::uint32_t add_topic(const std::string& name, const std::string& id, std::int32_t partitions);

  /// A record of this place is delivered. `offset` < 0: somewhere behind the last.
  void passed(std::uint32_t place, std::int64_t offset) noexcept {
    std::int64_t& next = next_[place];
    next = offset >= next ? offset + 1 : next + 1;
  }

  /// Behind the last record that passed; 0: none did.
  std::int64_t next(std::uint32_t place) const noexcept { return next_[place]; }

  std::string to_json() const;

 private:
  struct Written {
    std::string name;
    std::uint32_t first_place = 0;
  };
  std::string cluster_;
  Topics topics_;  ///< As restored, and those written to now; `next` of the latter is in next_.
  std::vector<Written> written_;
  std::vector<std::int64_t> next_;  ///< By place; 0: not touched.
};

}  // namespace millrace
