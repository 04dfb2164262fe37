// A sequence of logs: how one follows the other, expires, is damaged, and is verified.
#include "tlog/audit_log.hpp"

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "sample_log.hpp"
#include "tlog/audit_verify.hpp"
#include "tlog/note.hpp"
#include "tlog/reader.hpp"

using namespace callgate;
using namespace callgate::tlog;
using namespace callgate::tlog::testing;
using namespace std::chrono_literals;

namespace {

constexpr const char* leaf_start = "begins after:\n";

AuditLogOptions audit_options(const Scratch& scratch, std::uint64_t records = 100) {
  AuditLogOptions options;
  options.directory = scratch.path + "/log";
  options.name = "node.test";
  options.key_file = scratch.path + "/log.key";
  options.epoch_records = records;
  options.first_leaf = [](std::string_view note) { return leaf_start + std::string(note); };
  options.depth = CheckDepth::entries;
  return options;
}

std::unique_ptr<AuditLog> open(const Scratch& scratch, std::uint64_t records = 100) {
  return AuditLog::open(audit_options(scratch, records)).value();
}

void append(AuditLog& log, int count, const std::string& prefix = "call ") {
  for (int i = 0; i < count; ++i) {
    const auto position = log.end();
    if (log.append(as_bytes(prefix + std::to_string(i))).value() != position) FAIL("another position");
  }
}

// Three epochs of 40, 41 and 12 entries.
void make_three(const Scratch& scratch) {
  const auto log = open(scratch, 40);
  append(*log, 40);
  REQUIRE(log->checkpoint());
  append(*log, 40);
  REQUIRE(log->checkpoint());
  append(*log, 11);
  REQUIRE(log->checkpoint());
}

AuditReport verify(const Scratch& scratch, std::optional<std::string> older = std::nullopt) {
  const auto key = VerifierKey::parse(read(scratch.path + "/log.pub")).value();
  return verify_audit_log(scratch.path + "/log", key, {std::move(older), {}, {}}).value();
}

// The key as somebody kept it elsewhere.
void keep_key(const Scratch& scratch) {
  auto key = read(scratch.path + "/log/verifier-key");
  key.pop_back();
  write(scratch.path + "/log.pub", key);
}

std::string epoch(const Scratch& scratch, int number) {
  return scratch.path + "/log/" + epoch_directory(static_cast<std::uint32_t>(number));
}

bool mentions(const AuditReport& report, const std::string& text) {
  for (const auto& finding : report.findings) {
    if (finding.message.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("positions tell epoch and index apart") {
  const auto position = position_of(7, 1'000'000);
  CHECK(epoch_of(position) == 7);
  CHECK(index_of(position) == 1'000'000);
  CHECK(position_of(1, 0) < position_of(1, 1));
  CHECK(position_of(1, (1ULL << 40U) - 1) < position_of(2, 0));
  CHECK(epoch_of(position_of(most_epochs, 5)) == most_epochs);
}

TEST_CASE("the names of epochs have one spelling") {
  CHECK(epoch_in_name("node.test", "node.test/12") == 12U);
  for (const auto* const name : {"node.test", "node.test/", "node.test/0", "node.test/012", "node.test/1/2",
                                 "other/1", "node.test/1x", "node.test/99999999", "node.testing/1"})
    CHECK_FALSE(epoch_in_name("node.test", name).has_value());
}

TEST_CASE("an epoch that is full is followed by one that begins with its last checkpoint") {
  const Scratch scratch;
  const auto log = open(scratch);
  append(*log, 99);
  REQUIRE(log->checkpoint());
  CHECK(log->epochs().size() == 1);
  append(*log, 5);
  REQUIRE(log->checkpoint());
  const auto epochs = log->epochs();
  REQUIRE(epochs.size() == 2);
  CHECK(epochs[0].number == 1);
  CHECK(epochs[0].size == 104);
  CHECK(epochs[1].number == 2);
  CHECK(epochs[1].size == 1);
  CHECK(log->end() == position_of(2, 1));
  const auto last = read(epoch(scratch, 1) + "/checkpoint");
  CHECK(log->entry(position_of(2, 0)).value() == leaf_start + last);
  CHECK(log->entry(position_of(1, 103)).value() == "call 4");
  CHECK(log->entry(position_of(1, 104)).error().code == "not_found");
  CHECK(log->entry(position_of(3, 0)).error().code == "not_found");
  CHECK(log->checkpoint_note() == read(epoch(scratch, 2) + "/checkpoint"));
  CHECK(parse_checkpoint_note(log->checkpoint_note()).value().origin == "node.test/2");
}

TEST_CASE("an epoch that is old is followed by another, unless it holds nothing of its own") {
  const Scratch scratch;
  auto options = audit_options(scratch);
  options.epoch_age = 1h;
  std::uint64_t first_entry = wall_ns();
  options.entry_time = [&](Bytes) { return first_entry; };
  const auto log = AuditLog::open(options).value();
  REQUIRE(log->checkpoint());
  append(*log, 1);
  REQUIRE(log->checkpoint());
  CHECK(log->epochs().size() == 1);
  first_entry -= 7'200'000'000'000;
  // The age is known from the entry that is stored, not from when it was read.
  const Scratch other;
  options.directory = other.path + "/log";
  options.key_file = other.path + "/log.key";
  const auto old = AuditLog::open(options).value();
  append(*old, 1);
  REQUIRE(old->checkpoint());
  CHECK(old->epochs().size() == 2);
  REQUIRE(old->checkpoint());
  CHECK(old->epochs().size() == 2);
  append(*old, 1);
  REQUIRE(old->checkpoint());
  CHECK(old->epochs().size() == 3);
}

TEST_CASE("a log that was closed goes on where it was, in every epoch") {
  const Scratch scratch;
  make_three(scratch);
  {
    const auto log = open(scratch, 40);
    CHECK(log->cut_off().files == 0);
    REQUIRE(log->epochs().size() == 3);
    CHECK(log->epochs()[1].size == 41);
    CHECK(log->end() == position_of(3, 12));
    append(*log, 5, "lost ");
  }
  const auto log = open(scratch, 40);
  CHECK(log->end() == position_of(3, 12));
  CHECK(log->entry(position_of(1, 39)).value() == "call 39");
}

TEST_CASE("a visit goes through all epochs, from any position, up to what was just appended") {
  const Scratch scratch;
  make_three(scratch);
  const auto log = open(scratch, 40);
  append(*log, 2, "new ");
  std::vector<Position> seen;
  const auto all = [&](Position position, Bytes) {
    seen.push_back(position);
    return true;
  };
  CHECK(log->visit(0, all).value() == position_of(3, 14));
  CHECK(seen.size() == 40 + 41 + 14);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  seen.clear();
  CHECK(log->visit(position_of(2, 40), all).value() == position_of(3, 14));
  CHECK(seen.size() == 15);
  seen.clear();
  CHECK(log->visit(position_of(1, 39),
                   [&](Position position, Bytes entry) {
                     CHECK(as_text(entry) == "call 39");
                     seen.push_back(position);
                     return false;
                   })
            .value() == position_of(1, 40));
  CHECK(seen.size() == 1);
  CHECK(log->visit(position_of(3, 14), all).value() == position_of(3, 14));
  CHECK(log->visit(position_of(9, 0), all).value() == position_of(9, 0));
}

TEST_CASE("only the oldest epoch goes, and its number is not used again") {
  const Scratch scratch;
  make_three(scratch);
  keep_key(scratch);
  {
    const auto log = open(scratch, 40);
    CHECK(log->remove_epoch(2).error().code == "refused");
    CHECK(log->remove_epoch(9).error().code == "not_found");
    REQUIRE(log->remove_epoch(1));
    CHECK(log->epochs().front().number == 2);
    CHECK(log->entry(position_of(1, 0)).error().code == "not_found");
    std::size_t seen = 0;
    CHECK(log->visit(0, [&](Position, Bytes) { return ++seen > 0; }).value() == position_of(3, 12));
    CHECK(seen == 53);
    REQUIRE(log->remove_epoch(2));
    CHECK(log->remove_epoch(3).error().code == "refused");
  }
  CHECK(verify(scratch).good());
  const auto log = open(scratch, 40);
  append(*log, 40);
  REQUIRE(log->checkpoint());
  CHECK(log->epochs().back().number == 4);
}

TEST_CASE("a beginning or a removal that was interrupted leaves nothing that counts") {
  const Scratch scratch;
  make_three(scratch);
  keep_key(scratch);
  const auto root = scratch.path + "/log/";
  std::filesystem::create_directories(root + "000004.new/tile");
  write(root + "000004.new/checkpoint", "half");
  std::filesystem::rename(root + "000001", root + "000001.gone");
  const auto log = open(scratch, 40);
  CHECK_FALSE(std::filesystem::exists(root + "000004.new"));
  CHECK_FALSE(std::filesystem::exists(root + "000001.gone"));
  CHECK(log->epochs().size() == 2);
  CHECK(verify(scratch).good());
}

TEST_CASE("what does not verify is not written to; set aside, another epoch begins beside it") {
  const Scratch scratch;
  make_three(scratch);
  keep_key(scratch);
  const auto tile = epoch(scratch, 3) + "/tile/entries/000.p/12";
  const auto content = read(tile);
  write(tile, content.substr(1));
  const auto refused = AuditLog::open(audit_options(scratch, 40));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "log_damaged");
  const auto move = "mv " + epoch(scratch, 3) + " " + epoch(scratch, 3) + ".damaged";
  CHECK(refused.error().message.find(move) != std::string::npos);
  CHECK(verify(scratch).altered);
  std::filesystem::rename(epoch(scratch, 3), epoch(scratch, 3) + ".damaged");
  {
    const auto log = open(scratch, 40);
    CHECK(log->epochs().back().number == 4);
    CHECK(log->entry(position_of(4, 0)).value() ==
          leaf_start + read(epoch(scratch, 3) + ".damaged/checkpoint"));
  }
  CHECK(open(scratch, 40)->epochs().size() == 3);
  const auto report = verify(scratch);
  CHECK(report.missing);
  CHECK_FALSE(report.altered);
  CHECK(mentions(report, "epoch 3 was set aside"));
}

TEST_CASE("a log with a damaged or missing older epoch is not written to") {
  const Scratch scratch;
  make_three(scratch);
  const auto checkpoint = epoch(scratch, 1) + "/checkpoint";
  const auto note = read(checkpoint);
  write(checkpoint, note.substr(1));
  CHECK(AuditLog::open(audit_options(scratch)).error().code == "log_damaged");
  write(checkpoint, note);
  std::filesystem::rename(epoch(scratch, 2), scratch.path + "/elsewhere");
  const auto gap = AuditLog::open(audit_options(scratch));
  CHECK(gap.error().code == "log_damaged");
  CHECK(gap.error().message.find("epoch 2 of the audit log is missing") != std::string::npos);
  std::filesystem::rename(scratch.path + "/elsewhere", epoch(scratch, 2));
  CHECK(AuditLog::open(audit_options(scratch)).has_value());
}

TEST_CASE("an audit log has one writer, one name and one key") {
  const Scratch scratch;
  {
    const auto log = open(scratch);
    CHECK(AuditLog::open(audit_options(scratch)).error().code == "log_in_use");
  }
  auto options = audit_options(scratch);
  options.name = "other.test";
  CHECK(AuditLog::open(options).error().code == "log_damaged");
  options = audit_options(scratch);
  options.key_file += ".other";
  CHECK(AuditLog::open(options).error().code == "log_damaged");
  options.name = "a name";
  CHECK(AuditLog::open(options).error().code == "bad_name");
}

TEST_CASE("the whole of an audit log is verified, with every byte of its chain") {
  const Scratch scratch;
  make_three(scratch);
  keep_key(scratch);
  const auto good = verify(scratch);
  CHECK(good.good());
  CHECK(good.entries == 40 + 41 + 12);
  CHECK(good.epochs.size() == 3);
  for (const auto& file : files_in(scratch.path + "/log")) {
    if (file.ends_with("verifier-key")) continue;
    const auto content = read(file);
    for (std::size_t place = 0; place < content.size(); place += 37) {
      auto changed = content;
      changed[place] = static_cast<char>(changed[place] ^ 2);
      write(file, changed);
      INFO(file << ", byte " << place);
      CHECK(verify(scratch).altered);
    }
    std::filesystem::remove(file);
    CHECK(verify(scratch).missing);
    write(file, content);
  }
  CHECK(verify(scratch).good());
}

TEST_CASE("an epoch that was replaced, rolled back or taken out is found by the ones around it") {
  const Scratch scratch;
  make_three(scratch);
  keep_key(scratch);
  std::filesystem::rename(epoch(scratch, 2), scratch.path + "/kept");
  const auto taken = verify(scratch);
  CHECK(taken.missing);
  CHECK(mentions(taken, "epoch 2 is missing"));
  // The holder of the key has written another, shorter second epoch.
  {
    const auto signing = SigningKey::load(scratch.path + "/log.key").value();
    const auto log =
        LogWriter::open({epoch(scratch, 2), "node.test/2", signing, CheckDepth::entries}).value();
    REQUIRE(log->append(as_bytes(leaf_start + read(epoch(scratch, 1) + "/checkpoint"))).has_value());
    REQUIRE(log->checkpoint());
  }
  const auto replaced = verify(scratch);
  CHECK(replaced.altered);
  CHECK(replaced.missing);
  CHECK(mentions(replaced, "it ends with 1 entries, and epoch 3 says that it ended with 41"));
}

TEST_CASE("older checkpoints speak for the epoch that they are of") {
  const Scratch scratch;
  make_three(scratch);
  keep_key(scratch);
  const auto first = read(epoch(scratch, 1) + "/checkpoint");
  const auto last = read(epoch(scratch, 3) + "/checkpoint");
  auto report = verify(scratch, first);
  CHECK(report.good());
  REQUIRE(report.proven);
  CHECK(report.proven->epoch == 1);
  CHECK(report.proven->size == 40);
  CHECK(verify(scratch, last).proven->epoch == 3);
  // Rolled back by a whole epoch.
  std::filesystem::rename(epoch(scratch, 3), scratch.path + "/kept");
  CHECK(verify(scratch).good());
  report = verify(scratch, last);
  CHECK(report.missing);
  CHECK(mentions(report, "rolled back: it ends with epoch 2"));
  std::filesystem::rename(scratch.path + "/kept", epoch(scratch, 3));
  // An expired epoch: its very last checkpoint is in the next one's first entry, and an earlier one is not.
  REQUIRE(open(scratch, 40)->remove_epoch(1));
  CHECK(verify(scratch, first).good());
  REQUIRE(open(scratch, 40)->remove_epoch(2));
  report = verify(scratch, first);
  CHECK_FALSE(report.good());
  CHECK_FALSE(report.proven);
  CHECK(report.not_compared.find("epoch 1, which is not there any more") != std::string::npos);
  // Of other logs.
  const auto key = VerifierKey::parse(read(scratch.path + "/log.pub")).value();
  const auto foreign = SigningKey::generate().value();
  for (const auto* const name : {"other.test/1", "node.test/1", "node.test"}) {
    const auto note = sign_note(Checkpoint{name, 0, empty_root()}.text(), name, foreign).value();
    CHECK_FALSE(verify_audit_log(scratch.path + "/log", key, {note, {}, {}}).has_value());
  }
  CHECK(verify_audit_log(scratch.path, key, {}).error().code == "not_found");
}

TEST_CASE("a note is found wherever it stands") {
  const auto note = sign_note(Checkpoint{"a/1", 3, empty_root()}.text(), "a/1", key).value();
  CHECK(find_note("x a/1\na/1\n" + note + "rest", "a/1") == note);
  CHECK_FALSE(find_note(note, "a/2").has_value());
  CHECK_FALSE(find_note(note.substr(0, note.size() - 1), "a/1").has_value());
  CHECK_FALSE(find_note("", "a/1").has_value());
}

TEST_CASE("an audit log can be read while it is written, rolled and shortened") {
  const Scratch scratch;
  const auto log = open(scratch, 50);
  append(*log, 1);
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::thread reader([&] {
    Position next = 0;
    while (!done) {
      Position last = 0;
      const auto stopped = log->visit(next, [&](Position position, Bytes) {
        if (position < next || position <= last) ++wrong;
        last = position;
        return true;
      });
      if (!stopped || *stopped < next) ++wrong;
      if (stopped) next = *stopped;
    }
  });
  for (int i = 0; i < 20; ++i) {
    append(*log, 17);
    REQUIRE(log->checkpoint());
    if (log->epochs().size() > 3) REQUIRE(log->remove_epoch(log->epochs().front().number));
  }
  done = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(log->epochs().front().number > 1);
}
