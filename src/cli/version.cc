// SPDX-License-Identifier: Apache-2.0
// version: millrace's own, and those of the libraries linked into it.
#include "base/concat.h"
#include "base/json_text.h"
#include "cli/commands.h"

#include <absl/base/config.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <openssl/crypto.h>
#include <xxhash.h>
#include <boost/version.hpp>

#include <array>
#include <string_view>
#include <utility>

namespace millrace::cli {
namespace {

/// libpq counts 170002 for 17.2.
std::string libpq_version() { return concat(PQlibVersion() / 10'000, ".", PQlibVersion() % 10'000); }

std::string xxhash_version() {
  const unsigned number = XXH_versionNumber();
  return concat(number / 10'000, ".", number / 100 % 100, ".", number % 100);
}

/// BOOST_VERSION counts 108100 for 1.81.0.
std::string boost_version() {
  return concat(BOOST_VERSION / 100'000, ".", BOOST_VERSION / 100 % 1'000, ".", BOOST_VERSION % 100);
}

}  // namespace

int version_command(const Arguments& arguments, Io& io) {
  const std::array<std::pair<std::string_view, std::string>, 9> versions = {{
      {"millrace", MILLRACE_VERSION},
      {"libpq", libpq_version()},
      {"librdkafka", ::rd_kafka_version_str()},
      {"OpenSSL", ::OpenSSL_version(OPENSSL_VERSION_STRING)},
      {"liburing", MILLRACE_LIBURING_VERSION},
      {"Boost", boost_version()},
      {"Abseil", concat(ABSL_LTS_RELEASE_VERSION, ".", ABSL_LTS_RELEASE_PATCH_LEVEL)},
      {"yaml-cpp", MILLRACE_YAML_CPP_VERSION},
      {"xxHash", xxhash_version()},
  }};
  const bool json = arguments.has(kJsonFlag.name);
  std::string out;
  for (const auto& [name, version] : versions) {
    if (json) {
      append(out, out.empty() ? "{" : ",", json_quoted(name), ":", json_quoted(version));
    } else {
      append(out, name, " ", version, "\n");
    }
  }
  io.out << out << (json ? "}\n" : "");
  return 0;
}

}  // namespace millrace::cli
