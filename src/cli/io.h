// SPDX-License-Identifier: Apache-2.0
// What a command sees of the world, so that tests can run commands inside themselves.
#pragma once
#include "config/substitute.h"

#include <ostream>

namespace millrace::cli {

struct Io {
  std::ostream& out;  ///< What was asked for.
  std::ostream& err;  ///< Mistakes, as text on a terminal and as JSON log lines elsewhere.
  bool err_is_terminal = false;
  config::Environment environment;  ///< Variables and files that a configuration may use.
};

}  // namespace millrace::cli
