// The commands that verify the audit log: what they say, and how they end.
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "cli/audit_report.hpp"
#include "command_run.hpp"
#include "tlog/audit_log.hpp"
#include "tlog/proof.hpp"
#include "tlog/reader.hpp"

using namespace callgate;
using namespace callgate::cli;
using namespace callgate::cli::testing;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A log of two epochs (20 and 8 entries), with a checkpoint, a key and a proof kept elsewhere.
struct SampleLog {
  SampleLog() {
    tlog::AuditLogOptions options;
    options.directory = log;
    options.name = "node7.test";
    options.key_file = directory.path + "/log.key";
    options.epoch_records = 20;
    options.first_leaf = [](std::string_view note) { return std::string(note); };
    const auto writer = tlog::AuditLog::open(options).value();
    const auto append = [&](int count) {
      for (int i = 0; i < count; ++i)
        REQUIRE(writer->append(as_bytes("entry " + std::to_string(i))).has_value());
      REQUIRE(writer->checkpoint());
    };
    append(12);
    older = directory.write("older.checkpoint", writer->checkpoint_note());
    append(8);
    append(7);
    key = directory.write("kept.key", writer->verifier_key().text() + "\n");
    const auto reader =
        tlog::LogReader::open(log + "/000001", tlog::epoch_key(writer->verifier_key(), 1)).value();
    proof = directory.write("entry.tlog-proof", tlog::make_proof(reader, 5).value().text());
  }
  Directory directory;
  std::string log = directory.path + "/log";
  std::string older;
  std::string key;
  std::string proof;

  [[nodiscard]] Ran audit(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "audit");
    return run(arguments);
  }
  // One bit of a hash, or of the first entry.
  void flip(const std::string& name) const {
    const auto path = log + "/" + name;
    auto content = text_of(path);
    content[5] = static_cast<char>(content[5] ^ 1);
    std::ofstream(path, std::ios::binary) << content;
  }
};

}  // namespace

TEST_CASE("audit verify says integrity and completeness of a good log separately") {
  const SampleLog sample;
  const auto plain = sample.audit({"verify", "--log", sample.log});
  CHECK(plain.status == exit_ok);
  CHECK(contains(plain.out, "epochs 1 to 2, 28 entries"));
  CHECK(contains(plain.out, "it lies beside the log"));
  CHECK(contains(plain.out, "integrity     good: every entry, hash and signature is what was signed"));
  CHECK(
      contains(plain.out, "completeness  unproven: nothing is missing up to the log's own last checkpoint"));
  CHECK(contains(plain.out, "--against"));
  const auto proven =
      sample.audit({"verify", "--log", sample.log, "--key", sample.key, "--against", sample.older});
  CHECK(proven.status == exit_ok);
  CHECK_FALSE(contains(proven.out, "beside"));
  CHECK(contains(proven.out, "completeness  proven: nothing is missing, and everything that " + sample.older +
                                 " vouches for (epoch 1, 12 entries) is still there"));
  CHECK(proven.err.empty());
}

TEST_CASE("audit verify names what was altered, and what is missing") {
  const SampleLog sample;
  sample.flip("000001/tile/entries/000.p/20");
  const auto altered = sample.audit({"verify", "--log", sample.log});
  CHECK(altered.status == exit_finding);
  CHECK(contains(altered.out, "integrity     broken: something is not what was signed"));
  CHECK(contains(altered.out, "completeness  unproven"));
  CHECK(contains(altered.out, "epoch 1: entry 0 in tile/entries/000.p/20 does not hash"));
  sample.flip("000001/tile/entries/000.p/20");
  std::filesystem::remove(sample.log + "/000002/tile/entries/000.p/8");
  const auto missing = sample.audit({"verify", "--log", sample.log, "--against", sample.older});
  CHECK(missing.status == exit_finding);
  CHECK(contains(missing.out, "integrity     good"));
  CHECK(contains(missing.out, "completeness  broken: something that was signed is missing"));
  CHECK(contains(missing.out, "epoch 2: tile/entries/000.p/8 is missing (entries 0 to 7)"));
  std::filesystem::remove(sample.log + "/000002/checkpoint");
  const auto headless = sample.audit({"verify", "--log", sample.log});
  CHECK(contains(headless.out, "integrity     unknown: a checkpoint is missing"));
}

TEST_CASE("audit verify tells programs everything") {
  const SampleLog sample;
  auto json = boost::json::parse(
      sample.audit({"verify", "--json", "--log", sample.log, "--key", sample.key, "--against", sample.older})
          .out);
  CHECK(json.at("ok").as_bool());
  CHECK(json.at("integrity").as_string() == "good");
  CHECK(json.at("completeness").as_string() == "proven");
  CHECK(json.at("proven").at("epoch").as_int64() == 1);
  CHECK(json.at("proven").at("size").as_int64() == 12);
  CHECK(json.at("epochs").as_array().size() == 2);
  CHECK(json.at("epochs").at(1).at("origin").as_string() == "node7.test/2");
  CHECK(json.at("findings").as_array().empty());
  sample.flip("000002/tile/0/000.p/8");
  json = boost::json::parse(sample.audit({"verify", "--json", "--log", sample.log}).out);
  CHECK_FALSE(json.at("ok").as_bool());
  CHECK(json.at("integrity").as_string() == "broken");
  CHECK(json.at("finding_count").as_int64() >= 1);
  CHECK(json.at("findings").at(0).at("file").as_string() == "000002/tile/entries/000.p/8");
  CHECK(json.at("findings").at(0).at("kind").as_string() == "altered");
}

TEST_CASE("an older checkpoint that shows nothing is no pass") {
  const SampleLog sample;
  const SampleLog other;
  const auto foreign =
      sample.audit({"verify", "--log", sample.log, "--key", sample.key, "--against", other.older});
  CHECK(foreign.status == exit_finding);
  CHECK(foreign.out.empty());
  CHECK(contains(foreign.err, "the older checkpoint: the note is not signed by the key node7.test/1"));
  CHECK(sample.audit({"verify", "--log", sample.log, "--against", sample.directory.path + "/none"}).status ==
        exit_usage);
  CHECK(sample.audit({"verify", "--log", sample.log, "--key", "nonsense"}).status == exit_usage);
  CHECK(contains(sample.audit({"verify", "--log", sample.directory.path}).err, "--log"));
  CHECK(sample.audit({"verify", "--log", sample.directory.path, "--key", sample.key}).status ==
        exit_not_found);
  // The key of another log opens nothing.
  const auto stranger = sample.audit({"verify", "--log", sample.log, "--key", other.key});
  CHECK(stranger.status == exit_finding);
  CHECK(contains(stranger.out, "integrity     broken"));
}

TEST_CASE("audit checkpoint prints the newest head, and replaces an older one that the log continues") {
  const SampleLog sample;
  const auto newest = text_of(sample.log + "/000002/checkpoint");
  CHECK(sample.audit({"checkpoint", "--log", sample.log}).out == newest);
  const auto kept = sample.audit({"checkpoint", "--log", sample.log, "--to", sample.older});
  CHECK(kept.status == exit_ok);
  CHECK(contains(kept.out, "node7.test/2, 8 entries"));
  CHECK(text_of(sample.older) == newest);
  const auto json = boost::json::parse(sample.audit({"checkpoint", "--json", "--log", sample.log}).out);
  CHECK(json.at("epoch").as_int64() == 2);
  CHECK(json.at("note").as_string() == newest);
}

TEST_CASE("a checkpoint that the log contradicts is not replaced") {
  const SampleLog sample;
  const SampleLog other;
  REQUIRE(sample.audit({"checkpoint", "--log", sample.log, "--to", sample.older}).status == exit_ok);
  const auto newest = text_of(sample.older);
  std::filesystem::remove_all(sample.log + "/000002");
  const auto back = sample.audit({"checkpoint", "--log", sample.log, "--to", sample.older});
  CHECK(back.status == exit_finding);
  CHECK(contains(back.err, "rolled back"));
  CHECK(text_of(sample.older) == newest);
  const auto foreign = sample.audit({"checkpoint", "--log", sample.log, "--to", other.older});
  CHECK(foreign.status == exit_refused);
  const auto notes = sample.directory.write("notes.txt", "something else");
  CHECK(sample.audit({"checkpoint", "--log", sample.log, "--to", notes}).status == exit_refused);
  CHECK(text_of(notes) == "something else");
}

TEST_CASE("audit check-proof needs the proof and the key only") {
  const SampleLog sample;
  std::filesystem::remove_all(sample.log);
  const auto good = sample.audit({"check-proof", sample.proof, "--key", sample.key});
  CHECK(good.status == exit_ok);
  CHECK(contains(good.out, "number 5 of the 20 entries of node7.test/1"));
  const auto json =
      boost::json::parse(sample.audit({"check-proof", "--json", sample.proof, "--key", sample.key}).out);
  CHECK(json.at("index").as_int64() == 5);
  CHECK(json.at("entry").as_string() == "ZW50cnkgNQ==");
  const auto entry = sample.directory.write("entry", "entry 5");
  CHECK(sample.audit({"check-proof", sample.proof, "--key", sample.key, "--entry", entry}).status == exit_ok);
  const auto wrong = sample.directory.write("wrong", "entry 6");
  const auto refused = sample.audit({"check-proof", sample.proof, "--key", sample.key, "--entry", wrong});
  CHECK(refused.status == exit_finding);
  CHECK(contains(refused.err, "the entry is not what the log holds at this index"));
  const SampleLog other;
  CHECK(sample.audit({"check-proof", sample.proof, "--key", other.key}).status == exit_finding);
  CHECK(sample.audit({"check-proof", sample.proof}).status == exit_usage);
  auto text = text_of(sample.proof);
  text[text.find("index 5") + 6] = '4';
  CHECK(sample.audit({"check-proof", sample.directory.write("changed", text), "--key", sample.key}).status ==
        exit_finding);
}

TEST_CASE("audit key prints the key of the log, and of an epoch for other tools") {
  const SampleLog sample;
  CHECK(sample.audit({"key", "--log", sample.log}).out == text_of(sample.key));
  const auto epoch = sample.audit({"key", "--log", sample.log, "--epoch", "2"});
  CHECK(contains(epoch.out, "node7.test/2+"));
  CHECK(sample.audit({"key", "--log", sample.log, "--epoch", "0"}).status == exit_usage);
}

TEST_CASE("the commands find the agent's log through its configuration") {
  const SampleLog sample;
  const auto config = sample.directory.write("callgate.yaml", "state_dir: " + sample.directory.path + "\n");
  CHECK(run({"--config", config, "audit", "verify"}).status == exit_ok);
  CHECK(run({"--config", config, "audit", "key"}).out == text_of(sample.key));
}

TEST_CASE("what is found in great numbers is cut for people and counted") {
  std::ostringstream out;
  std::ostringstream err;
  AuditOutcome outcome;
  outcome.directory = "/log";
  for (int i = 0; i < 1234; ++i)
    outcome.report.add(
        {tlog::Finding::Kind::altered, "file", 0, 1, "finding " + std::to_string(i) + "\x1b[31m"});
  print_audit(outcome, Output{out, err});
  CHECK(contains(out.str(), "finding 19\\x1b[31m\n"));
  CHECK_FALSE(contains(out.str(), "finding 20"));
  CHECK(contains(out.str(), "and 1,214 more"));
}
