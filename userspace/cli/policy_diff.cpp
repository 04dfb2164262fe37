// callgate policy diff: what changed between two sets of policies, and which calls are decided differently.
#include <memory>
#include <optional>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/policy_cases.hpp"
#include "cli/policy_files.hpp"
#include "cli/policy_replay.hpp"
#include "cli/text.hpp"
#include "policy/difference.hpp"

namespace callgate::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string before;
  std::string after;
  std::vector<std::string> cases;
  std::string default_mode = "observe";
  bool against_sessions = false;
  RecordedCallsOptions sessions;
};

struct Decided {
  std::string file;
  int line = 0;
  std::string name;
  std::string before;
  std::string after;
};

std::string_view word(policy::Change::Kind kind) {
  switch (kind) {
    case policy::Change::Kind::added:
      return "added";
    case policy::Change::Kind::removed:
      return "removed";
    case policy::Change::Kind::changed:
      return "changed";
  }
  return "";
}

void print(const std::vector<policy::Change>& changes, const std::vector<Decided>& decided, std::size_t cases,
           const std::optional<suggest::Replay>& replay, const Output& output) {
  for (const auto& change : changes) {
    output.out << fmt::format("{:<8} {}{}\n", word(change.kind), safe(change.policy),
                              change.rule.empty() ? "" : ": rule " + safe(change.rule));
    for (const auto& detail : change.details)
      output.out << "           " << safe(detail) << '\n';
  }
  for (const auto& one : decided) {
    output.out << fmt::format("decided differently: {}:{}: {}\n", safe(one.file), one.line, safe(one.name))
               << "           before: " << safe(one.before) << "\n           after:  " << safe(one.after)
               << '\n';
  }
  if (changes.empty()) output.out << "the policies say the same\n";
  if (cases != 0)
    output.out << fmt::format("{} of {} calls are decided differently\n", decided.size(), cases);
  if (replay) print_replay(*replay, output);
}

std::string to_json_text(const std::vector<policy::Change>& changes, const std::vector<Decided>& decided,
                         std::size_t cases, const std::optional<suggest::Replay>& replay) {
  json::array list;
  for (const auto& change : changes) {
    json::array details(change.details.begin(), change.details.end());
    list.push_back(json::object{{"kind", word(change.kind)},
                                {"policy", change.policy},
                                {"rule", change.rule},
                                {"details", std::move(details)}});
  }
  json::array calls;
  for (const auto& one : decided) {
    calls.push_back(json::object{{"file", one.file},
                                 {"line", one.line},
                                 {"case", one.name},
                                 {"before", one.before},
                                 {"after", one.after}});
  }
  json::object all{{"changes", std::move(list)}, {"cases", cases}, {"decided_differently", std::move(calls)}};
  if (replay) all["sessions"] = replay_to_json(*replay);
  return json::serialize(all);
}

int diff(const Context& context, const Options& options) {
  const auto before = read_policies(context, {options.before}, policy::Unhonoured::accepted);
  const auto after = read_policies(context, {options.after}, policy::Unhonoured::accepted);
  if (!before || !after) return exit_usage;
  const auto mode = options.default_mode == "enforce" ? policy::Mode::enforce : policy::Mode::observe;
  const auto old_engine = policy::Engine::compile(before->policies, mode);
  const auto new_engine = policy::Engine::compile(after->policies, mode);
  std::vector<Decided> decided;
  std::size_t count = 0;
  for (const auto& file : case_files(options.cases)) {
    const auto cases = read_cases(context, file);
    if (!cases) return exit_usage;
    for (const auto& item : cases->cases) {
      ++count;
      const auto old_text = policy::describe(policy::decide_case(*old_engine, item.text));
      const auto new_text = policy::describe(policy::decide_case(*new_engine, item.text));
      if (old_text != new_text) decided.push_back({file, item.line, item.name, old_text, new_text});
    }
  }
  std::optional<suggest::Replay> replay;
  if (options.against_sessions) {
    replay.emplace(suggest::Judge(before->policies, mode), suggest::Judge(after->policies, mode));
    const auto read = read_recorded_calls(context, options.sessions,
                                          [&](const v1::Record& record) { replay->add(record); });
    if (!read) return context.fail(read.error());
  }
  const auto changes = policy::compare(before->policies, after->policies);
  if (context.output.json) {
    context.output.out << to_json_text(changes, decided, count, replay) << '\n';
  } else {
    print(changes, decided, count, replay, context.output);
  }
  const bool same = changes.empty() && decided.empty() && (!replay || replay->different_calls() == 0);
  return same ? exit_ok : exit_finding;
}

}  // namespace

void add_policy_diff(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action
  auto* const command = group.add_subcommand("diff", "Show what changed between two sets of policies");
  command->add_option("OLD", options->before, "A policy file, or a directory of them")->required();
  command->add_option("NEW", options->after, "What is to come instead")->required();
  command
      ->add_option("--cases", options->cases,
                   "A file of cases, or a directory: says which of its calls are decided differently")
      ->allow_extra_args(false);
  command
      ->add_option("--default-mode", options->default_mode, "What happens to callers that no policy selects")
      ->check(CLI::IsMember({"observe", "enforce"}));
  auto* const sessions = command->add_flag("--against-sessions", options->against_sessions,
                                           "Say which recorded calls would be decided differently");
  for (auto* const option : add_recorded_calls_options(*command, options->sessions))
    option->needs(sessions);
  command->footer(
      "Policies and rules are compared by their names; their order, comments and layout say nothing. Exit "
      "status 0 if nothing "
      "changed, 1 if something did, 2 if the policies cannot be used.\n"
      "With --against-sessions the calls that the agent has on record (of the last 7 days, unless --since "
      "says otherwise)\n"
      "are decided by both. Records hold no headers, queries, bodies and subjects: calls whose decision "
      "depends on them\n"
      "are counted as undecidable.\n"
      "\n"
      "Examples:\n"
      "  callgate policy diff /etc/callgate/policies new/ --cases new/\n"
      "  callgate policy diff /etc/callgate/policies new/ --against-sessions --workload shop --since 1d");
  command->callback(
      [&context, options] { context.action = [&context, options] { return diff(context, *options); }; });
}

}  // namespace callgate::cli
