// The hot path allocates nothing. This file replaces operator new for the whole program, to count.
#include <cstdlib>
#include <new>
#include <string>

#include <catch2/catch.hpp>

#include "documents.hpp"
#include "policy/path.hpp"

namespace {
thread_local std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// The standard library's sorting asks for its buffer this way, and gives it back to the operator below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

using namespace callgate::policy;
using namespace callgate::policy::testing;

TEST_CASE("deciding allocates nothing for a path with one reading, and the counter sees one with two") {
  std::string rules = "[";
  for (int i = 0; i < 100; ++i) {
    rules += "{name: r" + std::to_string(i) + ", functions: [\"http:GET /v1/r" + std::to_string(i) +
             "/*\"], action: allow},";
  }
  const auto engine = engine_of({{.name = "a", .rules = rules + "]"}, {.name = "b", .rules = rules + "]"}});
  const auto who = caller("w", "/usr/bin/python3");
  const auto selection = engine->select(who);
  const std::string raw = "/v1/r42/a-path-that-is-longer-than-any-small-string";
  const std::string two_readings = raw + ";v=1";
  std::string storage;
  const auto count = [&](auto what) {
    const auto before = allocations;
    what();
    return allocations - before;
  };
  Verdict verdict = Verdict::deny;
  CHECK(count([&] {
          verdict = engine->decide(selection, who, http("GET", *normalize_path(raw, storage))).verdict;
        }) == 0);
  CHECK(verdict == Verdict::allow);
  CHECK(count([&] { verdict = engine->decide(who, http("PUT", raw)).verdict; }) == 0);
  CHECK(verdict == Verdict::deny);
  CHECK(count([&] { verdict = engine->decide(selection, who, http("GET", two_readings)).verdict; }) > 0);
}

TEST_CASE("a condition over a call's head allocates nothing once it was evaluated before") {
  const auto engine = engine_of({{.rules = R"([{name: a, functions: ["http:* /**"], action: allow,
      when: 'call.method == "POST" && caller.workload.startsWith("w") && call.path.matches("^/v[12]/")'}])"}});
  const auto who = caller("w", "/usr/bin/python3");
  const auto selection = engine->select(who);
  const Call call = http("POST", "/v1/a-path-that-is-longer-than-any-small-string");
  CHECK(engine->decide(selection, who, call).verdict == Verdict::allow);
  const auto before = allocations;
  const auto verdict = engine->decide(selection, who, call).verdict;
  CHECK(allocations == before);
  CHECK(verdict == Verdict::allow);
}
