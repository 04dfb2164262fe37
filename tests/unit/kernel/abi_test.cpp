#include "abi.h"

#include <cctype>
#include <cstdint>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "kernel/counters.hpp"

using namespace callgate;

namespace {

// Of each version that was ever used: what `fingerprint` says of its layout.
struct KnownLayout {
  int version;
  std::uint64_t fingerprint;
};
constexpr KnownLayout known_layouts[] = {
    {1, 0xfaa7f9e16f58ad69U},
};

std::string without_comments(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text.compare(i, 2, "/*") == 0) {
      const auto end = text.find("*/", i + 2);
      i = end == std::string::npos ? text.size() : end + 2;
    } else {
      if (std::isspace(static_cast<unsigned char>(text[i])) == 0 && text[i] != '\\') result += text[i];
      ++i;
    }
  }
  return result;
}

// FNV-1a over the declarations of the layout: everything but comments, blanks and the version itself.
std::uint64_t fingerprint(std::string declarations) {
  const std::string version = "#defineCALLGATE_ABI_VERSION" + std::to_string(CALLGATE_ABI_VERSION);
  if (const auto at = declarations.find(version); at != std::string::npos)
    declarations.erase(at, version.size());
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : declarations)
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
  return hash;
}

std::string declarations() {
  std::string all;
  for (const char* header : {"abi.h", "maps.h"})
    all += without_comments(read_file(std::string(CALLGATE_BPF_DIRECTORY) + "/" + header).value());
  return all;
}

}  // namespace

TEST_CASE("a layout that changes gets a new ABI version") {
  const auto& last = known_layouts[std::size(known_layouts) - 1];
  INFO(
      "If a value, a key, a counter or a map changed since the last release: raise CALLGATE_ABI_VERSION and "
      "add a line "
      "to known_layouts. Pinned maps of the older version then stay with the programs that use them.");
  CHECK(last.version == CALLGATE_ABI_VERSION);
  CHECK(last.fingerprint == fingerprint(declarations()));
}

TEST_CASE("the fingerprint sees a changed declaration, and not a changed comment") {
  const std::string before = "struct a { __u32 b; /* c */ };";
  CHECK(fingerprint(without_comments(before)) ==
        fingerprint(without_comments("struct a {\n  __u32 b; /* d */\n};")));
  CHECK(fingerprint(without_comments(before)) !=
        fingerprint(without_comments("struct a { __u64 b; /* c */ };")));
}

TEST_CASE("counters have distinct names, and what is judged has all three outcomes in order") {
  const auto check = [](const auto& names) {
    CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string name = names[i];
      // judge_and_count() relies on observed_X and open_X following refused_X; only "not ready" has no
      // alternative.
      if (name.compare(0, 8, "refused_") != 0 || name == "refused_not_ready") continue;
      INFO(name);
      REQUIRE(i + 2 < names.size());
      CHECK(names[i + 1] == "observed_" + name.substr(8));
      CHECK(names[i + 2] == "open_" + name.substr(8));
    }
  };
  check(kernel::workload_counter_names);
  check(kernel::device_counter_names);
}
