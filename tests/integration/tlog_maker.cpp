// Writes a log for a verifier that is not callgate's:
//
//   tlog_maker DIRECTORY SIZE [INDEX]...
//
// Appends to the log in DIRECTORY (key: DIRECTORY.key) until it has SIZE entries, under one more checkpoint;
// writes a proof of each INDEX to DIRECTORY.INDEX.proof; prints the verifier key. TLOG_FIRST_ENTRY, where
// set, is the first entry.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "base/file.hpp"
#include "tlog/proof.hpp"
#include "tlog/reader.hpp"
#include "tlog/writer.hpp"

using namespace callgate;
using namespace callgate::tlog;

namespace {

// Of all sizes that matter: empty, short, and the longest there is.
std::string entry_of(std::uint64_t index) {
  const char* const first = std::getenv("TLOG_FIRST_ENTRY");
  if (index == 0 && first != nullptr && *first != '\0') return first;
  if (index == 3) return {};
  if (index == 200) return std::string(longest_entry, 'x');
  return "entry " + std::to_string(index) + std::string(index % 300, '.');
}

int make(const std::string& directory, std::uint64_t size, int count, char** indexes) {
  const auto key = SigningKey::load_or_create(directory + ".key").value();
  const VerifierKey verifier("node.test/1", key.public_key());
  auto log = LogWriter::open({directory, "node.test/1", key, CheckDepth::tiles}).value();
  while (log->size() < size)
    log->append(as_bytes(entry_of(log->size()))).value();
  log->checkpoint().value();
  const auto reader = LogReader::open(directory, verifier).value();
  for (int i = 0; i < count; ++i) {
    const auto proof = make_proof(reader, std::stoull(indexes[i])).value();
    replace_file(directory + "." + indexes[i] + ".proof", proof.text(), 0600).value();
  }
  std::cout << verifier.text() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: tlog_maker DIRECTORY SIZE [INDEX]...\n";
    return 2;
  }
  try {
    return make(argv[1], std::stoull(argv[2]), argc - 3, argv + 3);
  } catch (const std::exception& error) {
    std::cerr << "tlog_maker: " << error.what() << '\n';
    return 1;
  }
}
