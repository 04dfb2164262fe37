// One program, evaluated by several threads at the same time.
#include <atomic>
#include <thread>
#include <vector>

#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

TEST_CASE("threads share a program") {
  const Program program = compiled(
      "text.matches('^/v1/[a-z]+$') && text.split('/').size() == 3 && number in [1, 2, 3] && "
      "timestamp('2026-11-26T07:30:00Z').getHours('Europe/Berlin') == 8");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Host host;
      host.values["text"] = Value::string("/v1/pay");
      host.values["number"] = Value::integer(i);
      Arena arena;
      const Program copy = program;
      for (int round = 0; round < 200; ++round) {
        if (copy.evaluate(host, arena).is_true() != (i > 0)) ++wrong;
        arena.clear();
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK(wrong == 0);
}
