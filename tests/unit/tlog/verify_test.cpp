// Whoever changes a log on disk is found out. Every case begins with the log as it was, which is good.
#include "tlog/verify.hpp"

#include <catch2/catch.hpp>

#include "sample_log.hpp"
#include "tlog/note.hpp"

using namespace callgate;
using namespace callgate::tlog;
using namespace callgate::tlog::testing;

namespace {

LogReport verify(const std::string& directory, std::optional<std::string> older = std::nullopt) {
  return verify_log(directory, verifier, {std::move(older), {}}).value();
}

bool mentions(const LogReport& report, const std::string& text) {
  for (const auto& finding : report.findings) {
    if (finding.message.find(text) != std::string::npos) return true;
  }
  return false;
}

// A log that verifies, until a test changes it.
struct Sample {
  explicit Sample(std::uint64_t size) : note(make_log(scratch.path, size)) {
    REQUIRE(verify(scratch.path).good());
  }
  Scratch scratch;
  std::string note;
  [[nodiscard]] std::string file(const std::string& name) const { return scratch.path + "/" + name; }
};

}  // namespace

TEST_CASE("a log as it was written verifies, at every border of tiles") {
  for (const std::uint64_t size : {0U, 1U, 255U, 256U, 257U, 600U}) {
    const Scratch scratch;
    const auto note = make_log(scratch.path, size);
    std::uint64_t last = 0;
    const auto report = verify_log(scratch.path, verifier,
                                   {note,
                                    [&](std::uint64_t entries, std::uint64_t of) {
                                      CHECK(entries >= last);
                                      CHECK(of == size);
                                      last = entries;
                                    }})
                            .value();
    CHECK(report.good());
    CHECK_FALSE(report.altered);
    CHECK_FALSE(report.missing);
    CHECK(report.proven == size);
    CHECK(report.checkpoint->size == size);
    CHECK(report.beyond == 0);
    CHECK(last == size);
  }
}

TEST_CASE("every byte of every file of a log is vouched for") {
  const Sample log(9);
  std::size_t flips = 0;
  for (const auto& file : files_in(log.scratch.path)) {
    const auto content = read(file);
    for (std::size_t place = 0; place < content.size(); ++place) {
      for (const unsigned bit : {0U, 7U}) {
        auto changed = content;
        changed[place] = static_cast<char>(static_cast<unsigned char>(changed[place]) ^ (1U << bit));
        write(file, changed);
        INFO(file << ", byte " << place << ", bit " << bit);
        const auto report = verify(log.scratch.path);
        CHECK_FALSE(report.good());
        CHECK(report.altered);
        CHECK(report.finding_count > 0);
        ++flips;
      }
    }
    write(file, content);
  }
  CHECK(flips > 1000);
  CHECK(verify(log.scratch.path).good());
}

TEST_CASE("a changed byte anywhere in a log of several tiles is found") {
  const Sample log(600);
  for (const auto& file : files_in(log.scratch.path)) {
    const auto content = read(file);
    for (std::size_t place = 0; place < content.size(); place += 61) {
      auto changed = content;
      changed[place] = static_cast<char>(changed[place] ^ 4);
      write(file, changed);
      INFO(file << ", byte " << place);
      CHECK(verify(log.scratch.path).altered);
    }
    write(file, content);
  }
  CHECK(verify(log.scratch.path).good());
}

TEST_CASE("each file that is removed, emptied, cut or lengthened is found, and the first two as missing") {
  const Sample log(600);
  for (const auto& file : files_in(log.scratch.path)) {
    INFO(file);
    const auto content = read(file);
    std::filesystem::remove(file);
    const auto removed = verify(log.scratch.path);
    CHECK_FALSE(removed.good());
    CHECK(removed.missing);
    const bool checkpoint = file.ends_with("/checkpoint");
    for (const auto size : {std::size_t{0}, content.size() / 2, content.size() - 1}) {
      write(file, content.substr(0, size));
      const auto cut = verify(log.scratch.path);
      CHECK(cut.altered);
      CHECK((checkpoint || cut.missing));
    }
    write(file, content + '\0');
    CHECK(verify(log.scratch.path).altered);
    write(file, content + content);
    CHECK(verify(log.scratch.path).altered);
    write(file, content);
    CHECK(verify(log.scratch.path).good());
  }
}

TEST_CASE("entries that were exchanged, inserted or taken out are found, with their numbers") {
  const Sample log(600);
  const auto file = log.file("tile/entries/002.p/88");
  const auto content = read(file);
  const auto bundle = EntryBundle::parse(content, 88).value();
  const auto rebuilt = [&](const std::vector<unsigned>& order) {
    EntryBundle other;
    for (const unsigned index : order)
      other.append(bundle.entry(index));
    return std::string(as_text(other.bytes()));
  };
  std::vector<unsigned> order;
  for (unsigned i = 0; i < 88; ++i)
    order.push_back(i);
  REQUIRE(rebuilt(order) == content);
  std::swap(order[3], order[4]);
  write(file, rebuilt(order));
  const auto exchanged = verify(log.scratch.path);
  REQUIRE(exchanged.findings.size() == 2);
  CHECK(exchanged.findings[0].first_entry == 515);
  CHECK(exchanged.findings[1].first_entry == 516);
  CHECK(exchanged.findings[0].file == "tile/entries/002.p/88");
  CHECK(mentions(exchanged, "entry 515 in tile/entries/002.p/88"));
  std::swap(order[3], order[4]);
  order.insert(order.begin() + 7, 7);
  write(file, rebuilt(order));
  CHECK(verify(log.scratch.path).altered);
  order.erase(order.begin() + 7, order.begin() + 9);
  write(file, rebuilt(order));
  const auto taken = verify(log.scratch.path);
  CHECK(taken.altered);
  CHECK(taken.missing);
  CHECK(mentions(taken, "87 of its 88 entries are whole"));
}

TEST_CASE("tiles that were exchanged are found, also when entries and hashes go together") {
  const Sample log(600);
  for (const auto* const level : {"entries", "0"}) {
    const auto first = log.file(std::string("tile/") + level + "/000");
    const auto second = log.file(std::string("tile/") + level + "/001");
    std::filesystem::rename(first, first + ".kept");
    std::filesystem::rename(second, first);
    std::filesystem::rename(first + ".kept", second);
    CHECK(verify(log.scratch.path).altered);
  }
  CHECK(mentions(verify(log.scratch.path), "tile/0/000 does not hash to what tile/1/000.p/2 says"));
}

TEST_CASE("a log that was rewritten as a whole verifies only under the key that wrote it") {
  const Scratch scratch;
  auto forged = options(scratch.path);
  forged.key = SigningKey::generate().value();
  {
    const auto log = LogWriter::open(forged).value();
    append(*log, 20);
    REQUIRE(log->checkpoint());
  }
  const auto report = verify(scratch.path);
  CHECK_FALSE(report.good());
  CHECK_FALSE(report.checkpoint);
  CHECK(verify_log(scratch.path, VerifierKey("node.test/1", forged.key.public_key()), {}).value().good());
}

TEST_CASE("an older checkpoint finds a log that was rolled back, or written anew") {
  const Scratch scratch;
  const auto older = make_log(scratch.path + "/log", 300);
  std::filesystem::copy(scratch.path + "/log", scratch.path + "/back",
                        std::filesystem::copy_options::recursive);
  std::string newer;
  {
    const auto log = LogWriter::open(options(scratch.path + "/log")).value();
    append(*log, 300);
    REQUIRE(log->checkpoint());
    newer = log->checkpoint_note();
  }
  const auto grown = verify(scratch.path + "/log", older);
  CHECK(grown.good());
  CHECK(grown.proven == 300);
  // By itself the log of yesterday is a good log.
  CHECK(verify(scratch.path + "/back").good());
  CHECK_FALSE(verify(scratch.path + "/back").proven);
  const auto back = verify(scratch.path + "/back", newer);
  CHECK(back.missing);
  CHECK_FALSE(back.altered);
  CHECK(mentions(back, "rolled back"));
  // The same key has written another history, longer than the first.
  {
    const auto log = LogWriter::open(options(scratch.path + "/fork")).value();
    REQUIRE(log->append(as_bytes("another beginning")));
    append(*log, 700);
    REQUIRE(log->checkpoint());
  }
  CHECK(verify(scratch.path + "/fork").good());
  const auto fork = verify(scratch.path + "/fork", newer);
  CHECK(fork.altered);
  CHECK_FALSE(fork.proven);
  CHECK(mentions(fork, "forked"));
}

TEST_CASE("an older checkpoint of another log or key is an error and shows nothing") {
  const Sample log(20);
  const auto error = [&](const std::string& note) {
    return verify_log(log.scratch.path, verifier, {note, {}}).error().code;
  };
  const Checkpoint checkpoint{"node.test/1", 0, empty_root()};
  const auto foreign = SigningKey::generate().value();
  CHECK(error(sign_note(checkpoint.text(), "node.test/1", foreign).value()) == "not_signed");
  const Checkpoint other{"node.test/2", 0, empty_root()};
  CHECK(error(sign_note(other.text(), "node.test/2", key).value()) == "not_signed");
  CHECK(error(sign_note(other.text(), "node.test/1", key).value()) == "wrong_origin");
  CHECK(error("") == "bad_note");
  auto changed = log.note;
  changed[changed.find("20")] = '1';
  CHECK(error(changed) == "bad_signature");
}

TEST_CASE("a log is verified while it is written, and what was written ahead is told") {
  const Scratch scratch;
  const auto log = LogWriter::open(options(scratch.path)).value();
  append(*log, 100);
  REQUIRE(log->checkpoint());
  append(*log, 300);
  const auto ahead = verify(scratch.path);
  CHECK(ahead.good());
  CHECK(ahead.beyond == 2);
  // An interrupted removal left a tile that a wider one replaced.
  const auto old_hashes = read(scratch.path + "/tile/0/000.p/100");
  REQUIRE(log->checkpoint());
  std::filesystem::create_directory(scratch.path + "/tile/0/000.p");
  write(scratch.path + "/tile/0/000.p/100", old_hashes);
  CHECK(verify(scratch.path).good());
  auto changed = old_hashes;
  changed[5] = static_cast<char>(changed[5] ^ 1);
  write(scratch.path + "/tile/0/000.p/100", changed);
  CHECK(mentions(verify(scratch.path), "tile/0/000.p/100 is an earlier state of tile/0/000"));
  std::filesystem::remove_all(scratch.path + "/tile/0/000.p");
  write(scratch.path + "/tile/0/notes.txt", "by hand");
  const auto strange = verify(scratch.path);
  CHECK(strange.good());
  CHECK(strange.strangers == std::vector<std::string>{"tile/0/notes.txt"});
}

TEST_CASE("a directory without a log is a log that is missing") {
  const Scratch scratch;
  const auto report = verify(scratch.path);
  CHECK(report.missing);
  CHECK_FALSE(report.good());
}
