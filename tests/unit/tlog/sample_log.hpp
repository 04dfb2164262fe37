// A log of entries that tests can foretell.
#pragma once

#include <string>

#include <catch2/catch.hpp>

#include "scratch.hpp"
#include "tlog/writer.hpp"

namespace callgate::tlog::testing {

inline const SigningKey key = SigningKey::generate().value();
inline const VerifierKey verifier("node.test/1", key.public_key());

inline LogOptions options(const std::string& directory, CheckDepth depth = CheckDepth::entries) {
  return {directory, "node.test/1", key, depth};
}

inline std::string entry_of(std::uint64_t index) {
  return "entry " + std::to_string(index) + std::string(index % 7, '.');
}

inline void append(LogWriter& log, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto index = log.size();
    if (log.append(as_bytes(entry_of(index))).value() != index)
      FAIL("entry " << index << " got another number");
  }
}

// Makes a log of `size` entries under one checkpoint; returns its note.
inline std::string make_log(const std::string& directory, std::uint64_t size) {
  const auto log = LogWriter::open(options(directory)).value();
  append(*log, size);
  REQUIRE(log->checkpoint());
  return log->checkpoint_note();
}

// Files relative to the directory.
inline std::vector<std::string> names_in(const std::string& directory) {
  auto files = files_in(directory);
  for (auto& file : files)
    file = file.substr(directory.size() + 1);
  return files;
}

}  // namespace callgate::tlog::testing
