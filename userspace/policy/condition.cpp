#include "policy/condition.hpp"

#include <vector>

#include "cel/program.hpp"
#include "cel/time_text.hpp"
#include "policy/call_objects.hpp"

namespace callgate::policy {
namespace {

// For the values of one decision, a body's parts included.
constexpr std::size_t most_memory = std::size_t{48} << 20U;

// Arenas that this thread has used before, warm.
std::vector<std::unique_ptr<cel::Arena>>& shelf() {
  thread_local std::vector<std::unique_ptr<cel::Arena>> arenas;
  return arenas;
}

}  // namespace

class ConditionFacts::Impl {
 public:
  Impl(const Caller& caller, const Call& call) : variables(caller, call) {
    if (shelf().empty()) {
      arena = std::make_unique<cel::Arena>(most_memory);
    } else {
      arena = std::move(shelf().back());
      shelf().pop_back();
    }
  }
  ~Impl() {
    constexpr std::size_t most_kept = 4;
    arena->clear();
    if (shelf().size() < most_kept) shelf().push_back(std::move(arena));
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  CallVariables variables;
  std::unique_ptr<cel::Arena> arena;
};

ConditionFacts::ConditionFacts(const Caller& caller, const Call& call) : caller_(caller), call_(call) {}

ConditionFacts::~ConditionFacts() {
  if (made_) impl().~Impl();
}

ConditionFacts::Impl& ConditionFacts::impl() {
  static_assert(sizeof(Impl) <= sizeof(place_) && alignof(Impl) <= alignof(std::max_align_t));
  if (!made_) new (place_) Impl(caller_, call_);
  made_ = true;
  return *std::launder(reinterpret_cast<Impl*>(place_));
}

class Condition::Program {
 public:
  explicit Program(cel::Program compiled)
      : program(std::move(compiled)),
        looks_into_body(program.uses("call.body") || program.uses("call.body_text") ||
                        program.uses("call.size")),
        looks_at_process(program.uses("caller.process")) {}

  cel::Program program;
  bool looks_into_body;
  bool looks_at_process;
};

Condition::Condition(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

std::variant<Condition, ConditionFault> Condition::compile(std::string_view source) {
  constexpr std::size_t longest_source = 16U << 10U;
  cel::CompileOptions options;
  options.limits.source = longest_source;
  options.result = cel::parse_type("bool");
  auto compiled = cel::compile(source, condition_environment(), options);
  if (auto* issue = std::get_if<cel::Issue>(&compiled)) {
    return ConditionFault{issue->line, issue->column, "condition: " + issue->message, std::move(issue->hint)};
  }
  return Condition(std::make_shared<const Program>(std::get<cel::Program>(std::move(compiled))));
}

Condition::Result Condition::evaluate(ConditionFacts& facts, bool explain) const {
  auto& impl = facts.impl();
  const cel::Value value = program_->program.evaluate(impl.variables, *impl.arena);
  if (value.is(cel::Kind::boolean)) return {value.as_boolean() ? Outcome::yes : Outcome::no, {}, {}};
  if (!value.is_error()) return {Outcome::error, "condition_not_bool", {}};
  const cel::Failure& failure = value.as_error();
  if (&failure == &cel::pending) return {Outcome::needs_body, {}, {}};
  return {Outcome::error, failure.code, explain ? std::string(failure.detail) : std::string()};
}

void load_for_conditions() {
  cel::load_time_zones();
}

bool Condition::looks_into_body() const {
  return program_->looks_into_body;
}

bool Condition::looks_at_process() const {
  return program_->looks_at_process;
}

}  // namespace callgate::policy
