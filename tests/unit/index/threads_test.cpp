// Asking from several threads while one adds and another builds anew.
#include <algorithm>
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "../record/temporary.hpp"
#include "traffic.hpp"

namespace callgate::index::test {
namespace {

TEST_CASE("Questions are answered while records are added and the index is built anew") {
  constexpr std::uint64_t total = 20'000;
  const callgate::test::TemporaryDirectory directory;
  Traffic traffic(31);
  Log log;
  for (std::uint64_t at = 0; at < total; ++at)
    (void)log.add(1, traffic.record());
  const auto index = Index::open({directory.path()}).value();
  std::atomic<std::uint64_t> written{0};
  std::atomic<int> failures{0};
  const auto expect = [&failures](bool fine) { failures += fine ? 0 : 1; };

  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (written < total) {
      // A rebuild may have left something out.
      const Position next = index->next_position(1);
      const auto added = index->add(next, log.records().at(next));
      expect(added || added.error().code == "index_gap");
      written = std::max<std::uint64_t>(written, entry_of(index->next_position(1)));
      if (entry_of(next) % 500 == 0) expect(index->flush().has_value());
    }
  });
  for (int asker = 0; asker < 2; ++asker) {
    threads.emplace_back([&, asker] {
      Query query;
      query.function = "http:GET *";
      while (written < total) {
        const std::uint64_t end = written;
        const auto page = index->list(query, asker == 0 ? Sort::newest : Sort::longest, {}, 50);
        expect(page.has_value());
        for (const Position position : page ? page->positions : std::vector<Position>())
          expect(log.records().at(position).function().starts_with("http:GET "));
        expect(index->count({}).has_value());
        expect(index->count_by(query, GroupBy::host).has_value());
        if (end > 0) expect(index->find("fedcba987654").error().code == "not_found");
      }
    });
  }
  threads.emplace_back([&] {
    while (written < total) {
      const std::uint64_t end = written;
      const auto source = [&log, end](const AddEntry& add) -> Result<void> {
        for (std::uint64_t at = 0; at < end; ++at)
          CALLGATE_TRY(add(make_position(1, at), log.records().at(make_position(1, at))));
        return {};
      };
      expect(index->reindex(1, source, {}).has_value());
    }
  });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failures == 0);
  CHECK(index->damaged().empty());
  catch_up(*index, log, 1);
  CHECK((list_all(*index, {}, Sort::newest, 5000).value() == log.list({}, Sort::newest)));
}

}  // namespace
}  // namespace callgate::index::test
