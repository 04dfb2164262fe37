#include "cli/payload_choice.hpp"

#include <algorithm>
#include <cctype>

#include "cli/payload_text.hpp"

namespace callgate::cli {

bool PayloadChoice::takes(const v1::PayloadChunk& chunk) const {
  // "request body" begins with the direction and ends with the part.
  const auto title = payload_title(chunk.direction(), chunk.kind());
  return title.starts_with(direction) && title.ends_with(part);
}

void add_choice_options(CLI::App& command, PayloadChoice& choice) {
  command.add_option("--direction", choice.direction, "Only what was sent, or only what was answered")
      ->check(CLI::IsMember({"request", "response"}));
  command.add_option("--part", choice.part, "Only this part of it")
      ->check(CLI::IsMember({"head", "body", "trailers", "stream"}));
}

void add_id_argument(CLI::App& command, std::string& id) {
  command
      .add_option("ID", id,
                  "Of a session or a call, as lists and error answers tell it; a beginning or an end will do")
      ->required()
      ->transform([](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
        return text;
      });
}

}  // namespace callgate::cli
