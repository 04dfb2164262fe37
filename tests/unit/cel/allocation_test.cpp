// A plain comparison asks the heap for nothing. This file replaces operator new for the whole program, to
// count.
#include <cstdlib>
#include <new>
#include <string>

#include "expressions.hpp"

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

using namespace callgate::cel;
using namespace callgate::cel::testing;

namespace {

// Gives what it has without a look at names.
class Quiet final : public Activation {
 public:
  [[nodiscard]] Value variable(std::size_t index, Arena&) const override {
    return index == 0 ? Value::object(&call_) : Value::integer(7);
  }

 private:
  class Call final : public Object {
   public:
    [[nodiscard]] Value field(std::size_t index, Arena&) const override {
      return Value::string(index == 0 ? "POST" : "/v1/payments/a-path-that-is-longer-than-any-small-string");
    }
    [[nodiscard]] std::string_view type_name() const override { return "test.Call"; }
  };
  Call call_;
};

}  // namespace

TEST_CASE("simple conditions allocate nothing once the arena is warm, and the counter sees what does") {
  const Quiet host;
  Arena arena;
  const auto count = [&](const char* source) {
    const Program program = compiled(source);
    static_cast<void>(program.evaluate(host, arena));
    arena.clear();
    const auto before = allocations;
    const Value value = program.evaluate(host, arena);
    CHECK(value.is(Kind::boolean));
    arena.clear();
    return allocations - before;
  };
  CHECK(count("call.method == 'POST' && call.path.startsWith('/v1/')") == 0);
  CHECK(count("call.method in ['GET', 'POST'] || call.path.endsWith('/x')") == 0);
  CHECK(count("call.path.contains('payments') ? call.path.size() > 3 : false") == 0);
  CHECK(count("['a', 'b'].exists(x, call.path.startsWith(x)) || (1 / 0 == 1 || true)") == 0);
  CHECK(count("call.path + 'a' == call.method + 'b'") == 0);
  CHECK(count("call.path.substring(0, 4) == '/v1/' && call.path.indexOf('pay') == 4") == 0);
  CHECK(count("call.path.split('/').size() == 4") > 0);
}
