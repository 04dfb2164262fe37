#include "record/log_worker.hpp"

#include <catch2/catch.hpp>

#include "base/ids.hpp"
#include "temporary.hpp"

namespace callgate::record {
namespace {

LogBatch batch_of(std::uint64_t number, std::size_t calls) {
  LogBatch batch;
  batch.number = number;
  for (std::size_t at = 0; at < calls; ++at) {
    v1::Record record;
    record.set_kind(v1::Record::KIND_CALL);
    record.set_session_id(id_bytes({1, 0, number * calls + at + 1}));
    record.set_call_id(record.session_id());
    record.set_opened_ns(number);
    record.set_journal_batch(number);
    record.set_journal_index(static_cast<std::uint32_t>(at));
    const std::string bytes = record.SerializeAsString();
    batch.entries.push_back({batch.content.size(), bytes.size(), std::move(record)});
    batch.content += bytes;
  }
  return batch;
}

TEST_CASE("An index that is gone is made anew at the start, however long the log is") {
  constexpr std::uint64_t batches = 300;
  constexpr std::size_t calls = 1000;  // more in all than the index holds without writing
  const test::TemporaryDirectory directory;
  const auto journal = Journal::open({directory / "journal", 1U << 20U}).value();
  REQUIRE(journal->start_segment("", 0).has_value());
  const auto files = payload::Files::open(directory / "payload").value();
  LogOptions options;
  options.log.directory = directory / "log";
  options.log.name = "test.example/log";
  options.log.key_file = directory / "log.key";
  options.index.directory = directory / "index";
  {
    const auto worker = LogWorker::open(options, *journal, *files).value();
    for (std::uint64_t number = 1; number <= batches; ++number) {
      worker->submit(batch_of(number, calls));
      REQUIRE(worker->drain().has_value());
    }
    worker->start();
    REQUIRE(worker->stop().has_value());
    CHECK(worker->entries() > batches * calls);  // the epoch's beginning is a record, too
  }
  std::filesystem::remove_all(directory / "index");
  const auto worker = LogWorker::open(options, *journal, *files).value();
  CHECK(worker->last_position() == RecordPosition{batches, calls - 1});
  CHECK(worker->index().count({}).value() == batches * calls);
}

}  // namespace
}  // namespace callgate::record
