// SPDX-License-Identifier: Apache-2.0
// Object ids of the built-in types that events have a form for. They are the same on every server.
// Source: PostgreSQL, src/include/catalog/pg_type.dat.
#pragma once
#include <cstdint>

namespace millrace::postgres::oid {

inline constexpr std::uint32_t kBool = 16, kBytea = 17, kChar = 18, kName = 19, kInt8 = 20, kInt2 = 21,
                               kInt4 = 23, kText = 25, kOid = 26, kJson = 114, kXml = 142, kPoint = 600,
                               kCidr = 650, kFloat4 = 700, kFloat8 = 701, kMacaddr8 = 774, kMoney = 790,
                               kMacaddr = 829, kInet = 869, kBpchar = 1042, kVarchar = 1043, kDate = 1082,
                               kTime = 1083, kTimestamp = 1114, kTimestamptz = 1184, kInterval = 1186,
                               kTimetz = 1266, kBit = 1560, kVarbit = 1562, kNumeric = 1700, kUuid = 2950,
                               kTsvector = 3614, kJsonb = 3802, kInt4range = 3904, kNumrange = 3906,
                               kTsrange = 3908, kTstzrange = 3910, kDaterange = 3912, kInt8range = 3926;

inline constexpr std::uint32_t kJsonArray = 199, kCidrArray = 651, kMacaddr8Array = 775, kBoolArray = 1000,
                               kByteaArray = 1001, kCharArray = 1002, kInt2Array = 1005, kInt4Array = 1007,
                               kTextArray = 1009, kBpcharArray = 1014, kVarcharArray = 1015,
                               kInt8Array = 1016, kFloat4Array = 1021, kFloat8Array = 1022, kOidArray = 1028,
                               kMacaddrArray = 1040, kInetArray = 1041, kTimestampArray = 1115,
                               kDateArray = 1182, kTimeArray = 1183, kTimestamptzArray = 1185,
                               kNumericArray = 1231, kTimetzArray = 1270, kUuidArray = 2951,
                               kTsvectorArray = 3643, kJsonbArray = 3807, kInt4rangeArray = 3905,
                               kNumrangeArray = 3907, kTsrangeArray = 3909, kTstzrangeArray = 3911,
                               kDaterangeArray = 3913, kInt8rangeArray = 3927;

}  // namespace millrace::postgres::oid
