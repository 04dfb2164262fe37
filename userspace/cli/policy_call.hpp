// A caller and a call on the command line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/command.hpp"
#include "policy/call_text.hpp"

namespace callgate::cli {

struct CallOptions {
  std::string caller;
  std::string identity;
  std::string process;
  std::string issuer;
  std::string subject;
  std::vector<std::string> groups;
  std::string function;
  std::string target;
  std::vector<std::string> headers;
  std::string body;  // a file
  std::string time;

  // Adds the options to a command.
  void add_to(CLI::App& command);
  // Errors: usage, those of CallText and of reading the file.
  [[nodiscard]] Result<policy::CallText> read() const;
};

}  // namespace callgate::cli
