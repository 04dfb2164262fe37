#include "cli/policy_replay.hpp"

#include <numeric>
#include <ostream>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

std::uint64_t undecidable_calls(const suggest::Replay& replay) {
  return std::accumulate(replay.undecidable().begin(), replay.undecidable().end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

}  // namespace

void print_replay(const suggest::Replay& replay, const Output& output) {
  auto different = replay.different();
  std::erase_if(different, [](const suggest::DifferentCalls& group) { return !group.other_outcome; });
  if (!different.empty()) {
    Table table({{"CALLS", false, true},
                 {"TARGET", true},
                 {"METHOD"},
                 {"BEFORE", true},
                 {"AFTER", true},
                 {"SUCH AS", true},
                 {"SESSION"}});
    for (const auto& group : different) {
      table.add({show_number(group.calls), group.target, group.method, group.before,
                 Cell(group.after, Colour::warning), group.function, to_hex(as_bytes(group.session))});
    }
    table.print(output);
  }
  output.out << fmt::format("{} of {} recorded calls are decided differently\n",
                            show_number(replay.different_calls()), show_number(replay.decided()));
  if (replay.otherwise_explained() != 0) {
    output.out << fmt::format("{} more come out the same, by another rule or for another reason\n",
                              show_number(replay.otherwise_explained()));
  }
  if (replay.records() == 0) output.out << "nothing is recorded of that time: --since looks further back\n";
  for (const auto& [lacking, calls] : replay.undecidable())
    output.out << fmt::format("undecidable: {} more: {}\n", show_number(calls), safe(lacking));
  if (replay.without_decision() != 0) {
    output.out << fmt::format(
        "{} records are of what no policy decides: connections without a call, malformed requests\n",
        show_number(replay.without_decision()));
  }
}

boost::json::object replay_to_json(const suggest::Replay& replay) {
  namespace json = boost::json;
  json::array groups;
  for (const auto& group : replay.different()) {
    groups.push_back(json::object{{"calls", group.calls},
                                  {"target", group.target},
                                  {"method", group.method},
                                  {"before", group.before},
                                  {"after", group.after},
                                  {"other_outcome", group.other_outcome},
                                  {"function", group.function},
                                  {"session", to_hex(as_bytes(group.session))}});
  }
  json::object lacking;
  for (const auto& [what, calls] : replay.undecidable())
    lacking[what] = calls;
  return {{"records", replay.records()},
          {"decided", replay.decided()},
          {"decided_differently", replay.different_calls()},
          {"otherwise_explained", replay.otherwise_explained()},
          {"undecidable", undecidable_calls(replay)},
          {"undecidable_because", std::move(lacking)},
          {"without_decision", replay.without_decision()},
          {"groups", std::move(groups)}};
}

}  // namespace callgate::cli
