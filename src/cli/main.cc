// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <unistd.h>
#include <csignal>
#include <iostream>
#include <string_view>
#include <vector>

int main(int argc, char** argv) {
  // A reader that goes away is an error to report, not a signal to die of.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  millrace::cli::Io io{.out = std::cout,
                       .err = std::cerr,
                       .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                       .environment = millrace::config::Environment::system()};
  const int exit_code = millrace::cli::run_cli(words, io);
  std::cout.flush();
  // `millrace help | head` is no failure; a full disk is.
  return exit_code == 0 && std::cout.bad() ? 4 : exit_code;
}
