#include "cel/program.hpp"

#include <algorithm>

#include "cel/checker.hpp"
#include "cel/evaluation.hpp"

namespace callgate::cel {

Value Program::evaluate(const Activation& activation, Arena& arena, std::int64_t budget) const {
  Evaluation evaluation(activation, arena, locals_, budget, objects_.get());
  return evaluation.run(*root_);
}

bool Program::uses(std::string_view path) const {
  const auto has = [&](std::string_view one) {
    return std::find(uses_.begin(), uses_.end(), one) != uses_.end();
  };
  if (has(path)) return true;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1)) {
    if (has(std::string(path.substr(0, dot)) + ".*")) return true;
  }
  return false;
}

std::variant<Program, Issue> compile(std::string_view source, const Environment& environment,
                                     const CompileOptions& options) {
  Issue issue;
  auto root = parse(source, options.limits, issue);
  if (!root) return issue;
  Checked checked;
  if (!check(*root, environment, options.types, checked, issue)) return issue;
  const bool fits = !options.result || !options.types || checked.type.is(Type::Kind::dyn) ||
                    checked.type == *options.result;
  if (!fits) {
    return Issue{
        root->line, root->column,
        "the expression is a " + checked.type.text() + ", and a " + options.result->text() + " is needed",
        "compare it with something"};
  }
  Program program;
  program.root_ = std::move(root);
  program.type_ = std::move(checked.type);
  program.locals_ = checked.locals;
  program.uses_ = std::move(checked.uses);
  if (checked.finds_fields) program.objects_ = std::make_shared<const ObjectTypes>(environment.objects());
  return program;
}

}  // namespace callgate::cel
