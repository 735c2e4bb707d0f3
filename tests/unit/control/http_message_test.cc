// SPDX-License-Identifier: Apache-2.0
#include "control/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

struct Address {
  const char* name;
  const char* text;
  const char* host;  // nullptr: refused
  std::uint16_t port;
  const char* written;
};
class EndpointText : public testing::TestWithParam<Address> {};
TEST_P(EndpointText, IsReadOrRefused) {
  const auto endpoint = parse_endpoint(GetParam().text);
  if (GetParam().host == nullptr) {
    EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(endpoint.status().message()), testing::HasSubstr(GetParam().text));
    return;
  }
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->host, GetParam().host);
  EXPECT_EQ(endpoint->port, GetParam().port);
  EXPECT_EQ(to_string(*endpoint), GetParam().written);
}
INSTANTIATE_TEST_SUITE_P(
    Table, EndpointText,
    testing::Values(Address{"ipv4", "10.0.0.1:80", "10.0.0.1", 80, "10.0.0.1:80"},
                    Address{"ipv6", "[::1]:8083", "::1", 8083, "[::1]:8083"},
                    Address{"name", "localhost:1", "localhost", 1, "localhost:1"},
                    Address{"port_alone_is_loopback", ":8083", "127.0.0.1", 8083, "127.0.0.1:8083"},
                    Address{"port_zero", "127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0"},
                    Address{"last_port", "h:65535", "h", 65535, "h:65535"},
                    Address{"empty", "", nullptr, 0, ""}, Address{"no_port", "127.0.0.1", nullptr, 0, ""},
                    Address{"empty_port", "127.0.0.1:", nullptr, 0, ""},
                    Address{"port_too_large", "h:65536", nullptr, 0, ""},
                    Address{"port_negative", "h:-1", nullptr, 0, ""},
                    Address{"port_with_letters", "h:80x", nullptr, 0, ""},
                    Address{"ipv6_without_brackets", "::1:80", nullptr, 0, ""},
                    Address{"bracket_open", "[::1:80", nullptr, 0, ""},
                    Address{"brackets_empty", "[]:80", nullptr, 0, ""},
                    Address{"url", "http://h:80", nullptr, 0, ""},
                    Address{"space", "a b:80", nullptr, 0, ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HttpRequest, PathEndsAtTheQuery) {
  EXPECT_EQ(HttpRequest{"/metrics"}.path(), "/metrics");
  EXPECT_EQ(HttpRequest{"/metrics?a=b?c"}.path(), "/metrics");
  EXPECT_EQ(HttpRequest{"/#x"}.path(), "/");
  EXPECT_EQ(HttpRequest{""}.path(), "");
}

}  // namespace
}  // namespace millrace::control
