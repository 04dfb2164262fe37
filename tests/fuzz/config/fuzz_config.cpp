// Any text is either a configuration or has findings, and every finding can be shown.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = callgate::config::parse_config(text, "fuzz.yaml");
  for (const auto& finding : loaded.findings) {
    const auto shown = callgate::config::format_finding(finding);
    if (shown.find_first_of("\x1b\r") != std::string::npos) std::abort();
  }
  const auto& config = loaded.config;
  if (loaded.findings.empty() &&
      (config.gates.first_port > config.gates.last_port || config.rings.size == 0 ||
       (config.rings.size & (config.rings.size - 1)) != 0 || config.timeouts.head.count() <= 0 ||
       config.state_dir.empty())) {
    std::abort();
  }
  return 0;
}
