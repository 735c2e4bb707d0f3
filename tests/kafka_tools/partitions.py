# SPDX-License-Identifier: Apache-2.0
"""The partition each record belongs to: by its key as Kafka's Java client says, without a key by its place in the log."""

MASK32 = 0xFFFF_FFFF
MASK64 = 0xFFFF_FFFF_FFFF_FFFF


def murmur2(data):
    """Kafka's 32-bit MurmurHash2. Source: Apache Kafka, org.apache.kafka.common.utils.Utils.murmur2."""
    multiplier = 0x5BD1_E995
    size = len(data)
    hash = 0x9747_B28C ^ size
    whole = size & ~3
    for i in range(0, whole, 4):
        word = int.from_bytes(data[i:i + 4], "little") * multiplier & MASK32
        word = (word ^ word >> 24) * multiplier & MASK32
        hash = (hash * multiplier & MASK32) ^ word
    if size & 3:
        hash = (hash ^ int.from_bytes(data[whole:], "little")) * multiplier & MASK32
    hash = (hash ^ hash >> 13) * multiplier & MASK32
    return hash ^ hash >> 15


def of_key(key, count):
    return (murmur2(key) & 0x7FFF_FFFF) % count


def xxh3_64(data):
    """XXH3 without a seed, for 9 to 16 bytes. Source: xxHash, XXH3_len_9to16_64b; the numbers are words of its secret."""
    assert 9 <= len(data) <= 16
    low = int.from_bytes(data[:8], "little") ^ 0x1F67_B3B7_A4A4_4072 ^ 0x78E5_C0CC_4EE6_79CB
    high = int.from_bytes(data[-8:], "little") ^ 0x2172_FFCC_7DD0_5A82 ^ 0x8E24_43F7_7446_08B8
    product = low * high
    hash = len(data) + int.from_bytes(low.to_bytes(8, "little"), "big") + high + ((product & MASK64) ^ product >> 64)
    hash &= MASK64
    hash = (hash ^ hash >> 37) * 0x1656_6791_9E37_79F9 & MASK64
    return hash ^ hash >> 32


def of_position(table, lsn, count):
    """Of a record without a key: spread by place in the log, the same again after a restart.

    table  schema.table, of 9 to 16 bytes
    """
    hash = xxh3_64(table.encode()) ^ lsn * 0x9E37_79B9_7F4A_7C15 & MASK64
    hash = (hash ^ hash >> 32) * 0xD6E8_FEB8_6659_FD93 & MASK64
    return (hash >> 33) % count
