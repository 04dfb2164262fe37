#include <exception>
#include <iostream>

#include "cli/command.hpp"

int main(int argc, char** argv) {
  try {
    const int status = callgate::cli::run_command_line({argv + 1, argv + argc}, std::cout, std::cerr);
    std::cout.flush();
    // A full disk or a closed pipe must not look like an answer.
    return status == 0 && !std::cout ? callgate::cli::exit_finding : status;
  } catch (const std::exception& exception) {
    std::cerr << "callgate: " << exception.what() << '\n';
    return callgate::cli::exit_finding;
  }
}
