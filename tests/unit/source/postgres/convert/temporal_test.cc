// SPDX-License-Identifier: Apache-2.0
// Dates and times. Expected: debezium-contract 2.11 at time.precision.mode=adaptive,
// interval.handling.mode=numeric.
#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

class PostgresTemporal : public testing::TestWithParam<Case> {};
TEST_P(PostgresTemporal, BecomesTheContractsJson) { expect_json(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Dates, PostgresTemporal,
    testing::Values(Case{"epoch", Op::kDate, 0, "1970-01-01", "ffffd533", "0"},
                    Case{"pg_epoch", Op::kDate, 0, "2000-01-01", "00000000", "10957"},
                    Case{"leap_day", Op::kDate, 0, "2024-02-29", "00002279", "19782"},
                    Case{"year_1", Op::kDate, 0, "0001-01-01", "fff4dbf9", "-719162"},
                    Case{"bc", Op::kDate, 0, "0044-03-15 BC", "fff49d7b", "-735160"},
                    Case{"leap_day_of_1_bc", Op::kDate, 0, "0001-02-29 BC", "fff4dac6", "-719469"},
                    Case{"earliest", Op::kDate, 0, "4713-01-01 BC", "ffda97cd", "-2440550"},
                    Case{"five_digit_year", Op::kDate, 0, "12345-06-07", "0039a81f", "3789548"},
                    Case{"latest", Op::kDate, 0, "5874897-12-31", "7fda970c", "2145042905"},
                    Case{"infinity", Op::kDate, 0, "infinity", "7fffffff", "-2147472692"},
                    Case{"minus_infinity", Op::kDate, 0, "-infinity", "80000000", "-2147472691"}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Times, PostgresTemporal,
    testing::Values(
        Case{"micros", Op::kTimeMicros, 0, "15:13:16.945104", "0000000cc22706d0", "54796945104"},
        Case{"micros_no_fraction", Op::kTimeMicros, 0, "00:00:01", "00000000000f4240", "1000000"},
        Case{"micros_24", Op::kTimeMicros, 0, "24:00:00", "000000141dd76000", "86400000000"},
        Case{"millis", Op::kTimeMillis, 0, "15:13:16.94", "0000000cc226f2e0", "54796940"},
        Case{"millis_24", Op::kTimeMillis, 0, "24:00:00", "000000141dd76000", "86400000"},
        Case{"zoned_east", Op::kZonedTime, 0, "12:34:56+05:30", "0000000a8bda1c00 ffffb2a8", "\"07:04:56Z\""},
        Case{"zoned_west_over_midnight", Op::kZonedTime, 0, "23:00:00.25-02", "0000001347478c90 00001c20",
             "\"01:00:00.25Z\""},
        Case{"zoned_utc", Op::kZonedTime, 0, "14:00:00+00", "0000000bbc12f800 00000000", "\"14:00:00Z\""},
        Case{"zoned_seconds_in_offset", Op::kZonedTime, 0, "12:00:00+01:02:03", nullptr, "\"10:57:57Z\""},
        Case{"zoned_24", Op::kZonedTime, 0, "24:00:00+00", "000000141dd76000 00000000", "\"00:00:00Z\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(Timestamps, PostgresTemporal,
                         testing::Values(Case{"micros", Op::kTimestampMicros, 0, "2018-06-20 15:13:16.945104",
                                              "0002121301c766d0", "1529507596945104"},
                                         Case{"micros_no_fraction", Op::kTimestampMicros, 0,
                                              "2000-01-01 00:00:00", "0000000000000000", "946684800000000"},
                                         Case{"micros_short_fraction", Op::kTimestampMicros, 0,
                                              "2000-01-01 00:00:00.5", "000000000007a120", "946684800500000"},
                                         Case{"micros_before_1970", Op::kTimestampMicros, 0,
                                              "1969-12-31 23:59:59.999999", "fffca2fec4c81fff", "-1"},
                                         Case{"micros_bc", Op::kTimestampMicros, 0, "0044-03-15 12:00:00 BC",
                                              nullptr, "-63517780800000000"},
                                         Case{"micros_far", Op::kTimestampMicros, 0, "10000-01-01 00:00:00",
                                              nullptr, "253402300800000000"},
                                         Case{"micros_infinity", Op::kTimestampMicros, 0, "infinity",
                                              "7fffffffffffffff", "9223372036825200000"},
                                         Case{"micros_minus_infinity", Op::kTimestampMicros, 0, "-infinity",
                                              "8000000000000000", "-9223372036832400000"},
                                         Case{"millis", Op::kTimestampMillis, 0, "2018-06-20 15:13:16.945",
                                              "0002121301c76668", "1529507596945"},
                                         Case{"millis_before_1970", Op::kTimestampMillis, 0,
                                              "1969-12-31 23:59:59.999", "fffca2fec4c81c18", "-1"},
                                         Case{"millis_infinity", Op::kTimestampMillis, 0, "infinity",
                                              "7fffffffffffffff", "9223372036825200"},
                                         Case{"millis_minus_infinity", Op::kTimestampMillis, 0, "-infinity",
                                              "8000000000000000", "-9223372036832400"},
                                         Case{"millis_beyond_int64_micros", Op::kTimestampMillis, 0,
                                              "294276-12-31 23:59:59", nullptr, "9224318015999000"}),
                         case_name);

INSTANTIATE_TEST_SUITE_P(
    ZonedTimestamps, PostgresTemporal,
    testing::Values(Case{"padded_to_six", Op::kZonedTimestamp, 6, "2019-03-31 15:30:00+00",
                         "00022864587f4e00", "\"2019-03-31T15:30:00.000000Z\""},
                    Case{"fraction_padded", Op::kZonedTimestamp, 6, "2024-02-29 07:00:00.12+00",
                         "0002b57e9397b0c0", "\"2024-02-29T07:00:00.120000Z\""},
                    Case{"fraction_full", Op::kZonedTimestamp, 6, "2024-02-29 07:00:00.123456+00",
                         "0002b57e9397be40", "\"2024-02-29T07:00:00.123456Z\""},
                    Case{"three_digits", Op::kZonedTimestamp, 3, "2024-02-29 07:00:00.12+00",
                         "0002b57e9397b0c0", "\"2024-02-29T07:00:00.120Z\""},
                    Case{"no_digits", Op::kZonedTimestamp, 0, "2024-02-29 07:00:00+00", "0002b57e9395dc00",
                         "\"2024-02-29T07:00:00Z\""},
                    Case{"other_zone", Op::kZonedTimestamp, 6, "2024-02-29 12:30:00.5+05:30", nullptr,
                         "\"2024-02-29T07:00:00.500000Z\""},
                    Case{"other_zone_over_new_year", Op::kZonedTimestamp, 6, "2023-12-31 20:00:00-08",
                         nullptr, "\"2024-01-01T04:00:00.000000Z\""},
                    Case{"bc", Op::kZonedTimestamp, 6, "0044-03-15 00:00:00+00 BC", "ff1af9deec5b2000",
                         "\"-0043-03-15T00:00:00.000000Z\""},
                    Case{"1_bc_is_year_0", Op::kZonedTimestamp, 6, "0001-12-31 00:00:00+00 BC", nullptr,
                         "\"0000-12-31T00:00:00.000000Z\""},
                    Case{"five_digit_year", Op::kZonedTimestamp, 6, "12345-01-02 03:04:05+00", nullptr,
                         "\"+12345-01-02T03:04:05.000000Z\""},
                    Case{"infinity", Op::kZonedTimestamp, 6, "infinity", "7fffffffffffffff", "\"infinity\""},
                    Case{"minus_infinity", Op::kZonedTimestamp, 6, "-infinity", "8000000000000000",
                         "\"-infinity\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Intervals, PostgresTemporal,
    testing::Values(Case{"zero", Op::kInterval, 0, "00:00:00", "0000000000000000 00000000 00000000", "0"},
                    Case{"parts", Op::kInterval, 0, "1 mon 2 days 03:04:05.6",
                         "00000002925e7b00 00000002 00000001", "2813645600000"},
                    Case{"year_and_months", Op::kInterval, 0, "1 year 2 mons 3 days 04:05:06.78",
                         "000000036c97a760 00000003 0000000e", "37091106780000"},
                    Case{"negative", Op::kInterval, 0, "-1 years -2 mons +3 days -04:05:06.78",
                         "fffffffc936858a0 00000003 fffffff2", "-36572706780000"},
                    Case{"only_days", Op::kInterval, 0, "-1 days", "0000000000000000 ffffffff 00000000",
                         "-86400000000"},
                    Case{"many_hours", Op::kInterval, 0, "100:00:00", "00000053d1ac1000 00000000 00000000",
                         "360000000000"}),
    case_name);

TEST(PostgresTemporal, EveryDayOf800YearsAgreesInBothForms) {
  const Conversion date = postgres::make_conversion(Op::kDate);
  int year = 1600;
  int month = 1;
  int day = 1;
  constexpr int kDaysInMonth[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (std::int32_t pg_days = -146'097; pg_days < 146'097; ++pg_days) {
    if (pg_days % 7 == 0 || day >= 28) {
      char text[32];
      char hex[9];
      std::snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
      std::snprintf(hex, sizeof hex, "%08x", static_cast<unsigned>(pg_days));
      expect_json(date, text, hex, std::to_string(pg_days + 10'957));
    }
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (++day > kDaysInMonth[month - 1] + (month == 2 && leap)) {
      day = 1;
      if (++month > 12) {
        month = 1;
        ++year;
      }
    }
  }
  EXPECT_EQ(year, 2400);
}

}  // namespace
}  // namespace millrace::test
