// Options that say which session, and which part of its payload.
#pragma once

#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "callgate/v1/control.pb.h"

namespace callgate::cli {

struct PayloadChoice {
  std::string direction;  // "request", "response"; empty: both
  std::string part;       // "head", "body", "trailers", "stream"; empty: all

  [[nodiscard]] bool takes(const v1::PayloadChunk& chunk) const;
};

void add_choice_options(CLI::App& command, PayloadChoice& choice);
// ID, of a session or a call; its digits in lower case.
void add_id_argument(CLI::App& command, std::string& id);

}  // namespace callgate::cli
