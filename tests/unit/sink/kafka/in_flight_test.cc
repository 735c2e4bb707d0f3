// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/in_flight.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

Piece piece_of(std::size_t records) {
  Piece piece;
  piece.records.resize(records);
  return piece;
}

TEST(InFlightPieces, APieceIsDoneWhenAllItsRecordsAre) {
  InFlightPieces in_flight;
  Piece piece = piece_of(2);
  InFlightPieces::Entry& entry = in_flight.add(&piece, 100);
  EXPECT_EQ(in_flight.outstanding(), 2U);
  EXPECT_EQ(in_flight.memory_bytes(), 100U);
  in_flight.delivered(entry.records[1], 7);
  EXPECT_EQ(in_flight.take_delivered(), nullptr);
  in_flight.delivered(entry.records[0], 6);
  const InFlightPieces::Entry* const done = in_flight.take_delivered();
  ASSERT_NE(done, nullptr);
  EXPECT_EQ(done->piece, &piece);
  EXPECT_EQ(done->records[0].offset, 6);
  EXPECT_EQ(done->records[1].offset, 7);
  EXPECT_EQ(in_flight.memory_bytes(), 0U);
  EXPECT_TRUE(in_flight.empty());
}

TEST(InFlightPieces, ALaterPieceWaitsForTheOneBefore) {
  InFlightPieces in_flight;
  Piece first = piece_of(1);
  Piece second = piece_of(1);
  InFlightPieces::Entry& one = in_flight.add(&first, 1);
  InFlightPieces::Entry& two = in_flight.add(&second, 1);
  in_flight.delivered(two.records[0], 0);
  EXPECT_EQ(in_flight.take_delivered(), nullptr);
  in_flight.delivered(one.records[0], 0);
  EXPECT_EQ(in_flight.take_delivered()->piece, &first);
  EXPECT_EQ(in_flight.take_delivered()->piece, &second);
  EXPECT_EQ(in_flight.take_delivered(), nullptr);
}

TEST(InFlightPieces, APieceWithoutRecordsIsDoneInItsTurn) {
  InFlightPieces in_flight;
  Piece full = piece_of(1);
  Piece empty = piece_of(0);
  InFlightPieces::Entry& entry = in_flight.add(&full, 0);
  in_flight.add(&empty, 0);
  EXPECT_EQ(in_flight.take_delivered(), nullptr);
  in_flight.delivered(entry.records[0], 0);
  EXPECT_EQ(in_flight.take_delivered()->piece, &full);
  EXPECT_EQ(in_flight.take_delivered()->piece, &empty);
}

TEST(InFlightPieces, TheOldestIsTheFirstThatWaits) {
  InFlightPieces in_flight;
  EXPECT_EQ(in_flight.oldest(), nullptr);
  Piece first = piece_of(2);
  Piece second = piece_of(1);
  InFlightPieces::Entry& one = in_flight.add(&first, 0);
  in_flight.add(&second, 0);
  EXPECT_EQ(in_flight.oldest(), &first.records[0]);
  in_flight.delivered(one.records[0], 4);
  EXPECT_EQ(in_flight.oldest(), &first.records[1]);
  in_flight.delivered(one.records[1], 5);
  EXPECT_EQ(in_flight.oldest(), nullptr);
  ASSERT_NE(in_flight.take_delivered(), nullptr);
  EXPECT_EQ(in_flight.oldest(), &second.records[0]);
}

TEST(InFlightPieces, EntriesAreUsedAgainAndAddressesStay) {
  InFlightPieces in_flight;
  Piece piece = piece_of(3);
  for (int round = 0; round < 100; ++round) {
    InFlightPieces::Entry& entry = in_flight.add(&piece, 5);
    for (InFlightRecord& record : entry.records) {
      EXPECT_EQ(&in_flight.entry(record.entry), &entry);
      EXPECT_EQ(record.offset, -1);
      in_flight.delivered(record, round);
    }
    ASSERT_NE(in_flight.take_delivered(), nullptr);
  }
  EXPECT_EQ(in_flight.outstanding(), 0U);
}

}  // namespace
}  // namespace millrace
