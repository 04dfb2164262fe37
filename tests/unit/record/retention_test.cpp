#include "record/retention.hpp"

#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>

#include <catch2/catch.hpp>

#include "record/recorder.hpp"
#include "temporary.hpp"
#include "traffic.hpp"

namespace callgate::record {
namespace {

struct Kept {
  Kept() {
    std::filesystem::create_directory(directory / "rings");
    RecorderOptions options;
    options.use_state_directory(directory / "state");
    options.ring_directory = directory / "rings";
    options.pipeline.log.log.name = "test.example/log";
    options.pipeline.log.log.key_file = directory / "log.key";
    options.pipeline.payload.keys.file = directory / "payload.keys";
    recorder = Recorder::start(std::move(options), names).value();
    test::Proxy proxy(directory / "rings", {1, 0});
    REQUIRE(recorder->add_ring({1, 0}).has_value());
    REQUIRE(proxy.whole_call("request", "response"));
    while (recorder->queries().tail(0, 10).value().records.empty())
      (void)recorder->queries().wait_newer(0, 100);
  }

  std::unique_ptr<Retention> start(std::chrono::seconds retain, std::uint64_t size) {
    RetentionOptions options;
    options.holds_file = directory / "holds";
    options.retain = retain;
    options.payload_size = size;
    options.interval = std::chrono::hours(1);
    options.record = [this](v1::Record record) -> Result<void> {
      if (refuse) return make_error("disk_full", "no space");
      const std::lock_guard lock(mutex);
      removals.push_back(record.event().name());
      return {};
    };
    return Retention::start(std::move(options), recorder->log(), *recorder->payload().files).value();
  }
  std::size_t files() { return recorder->payload().files->list().value().size(); }

  test::TemporaryDirectory directory;
  test::Names names;
  std::unique_ptr<Recorder> recorder;
  std::vector<std::string> removed() {
    const std::lock_guard lock(mutex);
    return removals;
  }

  std::atomic<bool> refuse = false;

 private:
  std::mutex mutex;  // retention runs on a thread of its own, too
  std::vector<std::string> removals;
};

TEST_CASE("Payload stays while it is young and there is room") {
  Kept kept;
  const auto retention = kept.start(std::chrono::hours(1), 1U << 30U);
  CHECK(retention->run_now().has_value());
  CHECK(kept.files() == 1);
  CHECK(kept.removed().empty());
}

TEST_CASE("Payload over the size goes, and is a record first") {
  Kept kept;
  kept.refuse = true;
  const auto retention = kept.start(std::chrono::hours(1), 0);
  CHECK(retention->run_now().error().code == "disk_full");
  CHECK(kept.files() == 1);
  kept.refuse = false;
  REQUIRE(retention->run_now().has_value());
  REQUIRE(kept.removed().size() == 1);
  CHECK(kept.removed()[0].find("payload-0-") == 0);
}

TEST_CASE("What is held stays, also after a restart, until the hold is lifted") {
  Kept kept;
  kept.refuse = true;  // nothing may go before the hold is set
  {
    const auto retention = kept.start(std::chrono::hours(1), 0);
    REQUIRE(retention->add_hold({"case-1", 0, ~std::uint64_t{0}, "why"}).has_value());
    CHECK(retention->add_hold({"case-1", 0, 1, ""}).error().code == "exists");
    CHECK(retention->add_hold({"a name", 0, 1, ""}).error().code == "invalid");
    CHECK(retention->add_hold({"case-2", 2, 1, ""}).error().code == "invalid");
  }
  kept.refuse = false;
  const auto retention = kept.start(std::chrono::hours(1), 0);
  REQUIRE(retention->holds().size() == 1);
  CHECK(retention->holder(5, 6) == "case-1");
  CHECK(retention->run_now().has_value());
  CHECK(kept.removed().empty());
  CHECK(retention->release_hold("other").error().code == "not_found");
  REQUIRE(retention->release_hold("case-1").has_value());
  CHECK(retention->run_now().has_value());
  CHECK(kept.removed().size() == 1);
}

TEST_CASE("Holds that cannot be read keep retention from starting") {
  Kept kept;
  std::ofstream(kept.directory / "holds") << "\xff\xff no holds";
  RetentionOptions options;
  options.holds_file = kept.directory / "holds";
  const auto started =
      Retention::start(std::move(options), kept.recorder->log(), *kept.recorder->payload().files);
  REQUIRE(started.has_error());
  CHECK(started.error().code == "holds_damaged");
}

}  // namespace
}  // namespace callgate::record
