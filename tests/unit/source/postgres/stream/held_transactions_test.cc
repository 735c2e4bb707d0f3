// SPDX-License-Identifier: Apache-2.0
// The log of a transaction that is not committed yet: what was appended comes back, in memory or spilled, cut
// back when a subtransaction is rolled back.
#include "source/postgres/stream/held_transactions.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "unit/source/postgres/stream/scripted_stream.h"

namespace millrace::test {
namespace {

using postgres::HeldBudget;
using postgres::HeldHeader;
using postgres::HeldTransaction;

std::span<const std::byte> bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

void append(HeldTransaction& held, std::uint32_t xid, const std::string& body) {
  HeldHeader header;
  header.changes = 1;
  const absl::Status status = held.append(xid, header, bytes(body));
  ASSERT_TRUE(status.ok()) << status;
}

/// The bodies, by bars.
std::string bodies(HeldTransaction& held) {
  std::string out;
  for (std::uint64_t at = 0; at < held.size();) {
    HeldHeader header;
    std::string body;
    EXPECT_TRUE(held.read(at, std::as_writable_bytes(std::span(&header, 1))).ok());
    body.resize(header.size);
    EXPECT_TRUE(held.read(at + sizeof header, std::as_writable_bytes(std::span(body))).ok());
    out += body + "|";
    at += sizeof header + header.size;
  }
  return out;
}

TEST(HeldTransaction, GivesBackWhatWasAppended) {
  MemoryScratch scratch;
  HeldBudget budget(1 << 20, 64);
  HeldTransaction held(budget, scratch);
  append(held, 1, "one");
  append(held, 1, "");
  append(held, 2, std::string(500, 'x'));
  EXPECT_EQ(bodies(held), "one||" + std::string(500, 'x') + "|");
  EXPECT_EQ(held.changes(), 3U);
  EXPECT_EQ(scratch.files, 0U) << "within the budget nothing is spilled";
}

TEST(HeldTransaction, JoinsTypeAndFields) {
  MemoryScratch scratch;
  HeldBudget budget(1 << 20, 64);
  HeldTransaction held(budget, scratch);
  ASSERT_TRUE(held.append(1, HeldHeader{}, std::byte{'I'}, bytes("fields")).ok());
  EXPECT_EQ(bodies(held), "Ifields|");
}

TEST(HeldTransaction, RollBackForgetsFromTheSubtransactionsFirstChange) {
  MemoryScratch scratch;
  HeldBudget budget(1 << 20, 64);
  HeldTransaction held(budget, scratch);
  append(held, 1, "a");
  append(held, 2, "b");
  append(held, 3, "c");
  append(held, 2, "d");
  ASSERT_TRUE(held.roll_back(9).ok()) << "wrote nothing";
  EXPECT_EQ(bodies(held), "a|b|c|d|");
  ASSERT_TRUE(held.roll_back(2).ok());
  EXPECT_EQ(bodies(held), "a|");
  EXPECT_EQ(held.changes(), 1U);
  ASSERT_TRUE(held.roll_back(3).ok()) << "went with its parent";
  append(held, 3, "e");
  append(held, 2, "f");
  ASSERT_TRUE(held.roll_back(2).ok()) << "a number may come again only as another first change";
  EXPECT_EQ(bodies(held), "a|e|");
}

TEST(HeldTransaction, BudgetIsGivenBack) {
  MemoryScratch scratch;
  HeldBudget budget(1 << 20, 64);
  {
    HeldTransaction held(budget, scratch);
    append(held, 1, std::string(1000, 'x'));
    EXPECT_GE(budget.used_bytes(), 1000U);
    EXPECT_EQ(budget.used_bytes(), held.memory_bytes());
    append(held, 2, std::string(1000, 'x'));
    ASSERT_TRUE(held.roll_back(2).ok());
    EXPECT_LE(budget.used_bytes(), 1000U + sizeof(HeldHeader) + 64);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(HeldTransaction, BeyondTheBudgetTheLargestSpills) {
  MemoryScratch scratch;
  HeldBudget budget(4096, 64);
  HeldTransaction small(budget, scratch);
  HeldTransaction large(budget, scratch);
  append(small, 1, std::string(500, 's'));
  append(large, 2, std::string(3000, 'l'));
  EXPECT_EQ(scratch.files, 0U);
  append(small, 1, std::string(700, 't'));
  EXPECT_EQ(scratch.files, 1U);
  EXPECT_EQ(small.spilled_bytes(), 0U) << "whoever asks is not who pays";
  EXPECT_EQ(large.spilled_bytes(), large.size());
  EXPECT_LE(budget.used_bytes(), budget.limit_bytes());
  EXPECT_EQ(budget.spilled_total(), large.size());
  EXPECT_EQ(bodies(large), std::string(3000, 'l') + "|");
  EXPECT_EQ(bodies(small), std::string(500, 's') + "|" + std::string(700, 't') + "|");
}

TEST(HeldTransaction, ManySmallOnesNeedNoFiles) {
  MemoryScratch scratch;
  HeldBudget budget(25 << 20, 256 << 10);
  std::vector<std::unique_ptr<HeldTransaction>> held;
  for (std::uint32_t xid = 1; xid <= 3000; ++xid) {
    held.push_back(std::make_unique<HeldTransaction>(budget, scratch));
    append(*held.back(), xid, "a small row");
  }
  EXPECT_EQ(scratch.files, 0U) << "each file costs a descriptor, of which a process may have 1,024";
  EXPECT_EQ(bodies(*held[1234]), "a small row|");
}

TEST(HeldTransaction, NotesCrowdBeyondTheirShareAndAreGivenBack) {
  MemoryScratch scratch;
  HeldBudget budget(1 << 20, 1 << 10, 100 << 10);
  {
    HeldTransaction held(budget, scratch);
    std::uint32_t xid = 0;
    while (budget.noted_bytes() <= 512 << 10) {
      ASSERT_FALSE(budget.crowded()) << xid;
      append(held, ++xid, "");
    }
    EXPECT_TRUE(budget.crowded());
    EXPECT_LE(budget.used_bytes() + budget.noted_bytes(), budget.limit_bytes());
    EXPECT_EQ(held.subtransactions(1).size(), xid - 1);
  }
  EXPECT_FALSE(budget.crowded());
  EXPECT_EQ(budget.used_bytes() + budget.noted_bytes(), 0U);
}

TEST(HeldTransaction, NotesThatAreFreeDoNotCrowd) {
  MemoryScratch scratch;
  HeldBudget budget(1024, 64);
  HeldTransaction held(budget, scratch);
  for (std::uint32_t xid = 1; xid <= 1000; ++xid) append(held, xid, "");
  EXPECT_GT(budget.noted_bytes(), budget.limit_bytes());
  EXPECT_FALSE(budget.crowded());
}

TEST(HeldTransaction, RollBackCutsIntoWhatWasSpilled) {
  MemoryScratch scratch;
  HeldBudget budget(256, 64);
  HeldTransaction held(budget, scratch);
  append(held, 1, "first");
  append(held, 2, std::string(1000, 'x'));
  append(held, 2, "tail in memory");
  ASSERT_GT(held.spilled_bytes(), 900U);
  ASSERT_TRUE(held.roll_back(2).ok());
  EXPECT_EQ(bodies(held), "first|");
  append(held, 1, "second");
  append(held, 1, std::string(1000, 'y'));
  EXPECT_EQ(bodies(held), "first|second|" + std::string(1000, 'y') + "|");
}

TEST(HeldTransaction, FailureToSpillIsTold) {
  MemoryScratch scratch;
  HeldBudget budget(64, 64);
  HeldTransaction held(budget, scratch);
  scratch.fails = true;
  const absl::Status status = held.append(1, HeldHeader{}, bytes(std::string(100, 'x')));
  EXPECT_EQ(status.message(), "no space left on device");
}

TEST(HeldTransaction, RelationsAreNumberedOnce) {
  MemoryScratch scratch;
  HeldBudget budget(64, 64);
  HeldTransaction held(budget, scratch);
  const auto a = std::make_shared<const Relation>();
  Relation numbered;
  numbered.id = 5;
  const auto b = std::make_shared<const Relation>(numbered);
  EXPECT_EQ(held.relation_index(a), 0U);
  EXPECT_EQ(held.relation_index(b), 1U);
  EXPECT_EQ(held.relation_index(a), 0U);
  EXPECT_EQ(held.relations().size(), 2U);
  EXPECT_EQ(held.find_relation(5), nullptr) << "not announced yet";
  held.set_relation({b, 1});
  EXPECT_EQ(held.find_relation(5), b);
}

/// Appends and roll-backs at random, compared with a list.
TEST(HeldTransaction, EqualsAListOfBodies) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    MemoryScratch scratch;
    HeldBudget budget(200 + below(9000), 32 + below(below(2) == 0 ? 200 : 4000));
    HeldTransaction held(budget, scratch);
    struct Entry {
      std::uint32_t xid;
      std::string body;
    };
    std::vector<Entry> model;
    std::vector<std::uint32_t> open = {1};  // the top transaction, then savepoints
    std::uint32_t next_xid = 2;
    for (int step = 0; step < 300; ++step) {
      const std::uint32_t what = below(10);
      if (what == 0) {
        open.push_back(next_xid++);
      } else if (what == 1 && open.size() > 1) {
        const std::uint32_t xid = open.back();
        open.pop_back();
        ASSERT_TRUE(held.roll_back(xid).ok());
        std::erase_if(model, [xid](const Entry& entry) { return entry.xid >= xid; });
      } else {
        std::string body(below(90), static_cast<char>('a' + below(26)));
        append(held, open.back(), body);
        model.push_back({open.back(), body});
      }
    }
    std::string expected;
    for (const Entry& entry : model) expected += entry.body + "|";
    EXPECT_EQ(bodies(held), expected) << "seed " << seed;
    EXPECT_EQ(held.changes(), model.size());
  }
}

}  // namespace
}  // namespace millrace::test
