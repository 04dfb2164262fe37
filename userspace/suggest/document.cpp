#include "suggest/document.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "suggest/rule_writer.hpp"
#include "suggest/text.hpp"

namespace callgate::suggest {
namespace {

// A document may have 1 MiB; of one target nobody reads more functions than this.
constexpr std::size_t longest_text = 900'000;
constexpr std::size_t most_functions = 500;

struct Draft {
  std::string text;
  std::size_t functions = 0;
  std::size_t most_functions = 0;
};

std::string head(const Evidence& evidence, const SuggestionOptions& options, const std::string& name) {
  const Seen& used = evidence.used();
  std::string out =
      fmt::format("# Suggested from {} of workload {}, {} to {}.\n", count_text(used.calls, "recorded call"),
                  comment_text(options.workload), format_time(used.first_ns), format_time(used.last_ns));
  out += fmt::format(
      "# It allows what these calls did, and nothing else: read it before it is enforced. An id, a number "
      "that varied, and a\n"
      "# segment with more than {} values became `*`. Queries, headers and bodies are not in records: they "
      "are not narrowed.\n",
      evidence.distinct());
  if (evidence.not_kept() != 0) {
    out += fmt::format("# WARNING: not complete. {} more, for want of room: suggest from a shorter time.\n",
                       count_text(evidence.not_kept(), "call"));
  }
  std::string name_space;
  const bool shared = evidence.callers().share_namespace(name_space);
  out += fmt::format("apiVersion: callgate.dev/v1\nkind: {}\nmetadata: {{name: {}{}}}\nspec:\n  mode: {}\n",
                     shared ? "CallPolicy" : "ClusterCallPolicy", yaml_text(name),
                     shared && !name_space.empty() ? ", namespace: " + yaml_text(name_space) : "",
                     options.mode == policy::Mode::enforce ? "enforce" : "observe");
  return out + "  callers:\n" + evidence.callers().lines(options.workload);
}

// Connections for `tcp:connect` say no name, so that two targets at one address cannot be told apart.
std::string sharing(const Evidence& evidence, const TargetEvidence& target) {
  if (target.tcp.calls == 0) return {};
  for (const auto& [name, other] : evidence.targets()) {
    if (&other == &target || other.tcp.calls == 0 || other.port != target.port) continue;
    for (const auto& address : target.addresses) {
      if (!other.addresses.contains(address)) continue;
      return fmt::format(
          "    # WARNING: {} was dialled at the same address for `tcp:connect`. Keep one of the two, or the "
          "agent refuses the\n"
          "    # connection as ambiguous.\n",
          other.host);
    }
  }
  return {};
}

std::string targets(const Evidence& evidence) {
  std::string out = "  targets:\n";
  for (const auto& [name, target] : evidence.targets()) {
    if (!has_functions(target)) continue;
    out += target.upstream.comments("    ") + sharing(evidence, target);
    if (target.tcp.calls != 0 && target.tls.calls == 0 && target.http.empty())
      out +=
          "    # Nobody reads these bytes; where the server speaks first, `protocol: opaque` spares a "
          "wait.\n";
    out += fmt::format("    - {{host: {}, port: {}, upstream: {}}}\n", yaml_text(target.host), target.port,
                       target.upstream.flow_map());
  }
  return out;
}

Draft draft(const Evidence& evidence, const SuggestionOptions& options, const std::string& name) {
  RuleWriter rules(evidence);
  Draft made;
  made.text = head(evidence, options, name) + targets(evidence) + "  rules:\n" + rules.lines();
  if (const auto denied = evidence.denials().listing(); !denied.empty()) made.text += "\n" + denied;
  made.functions = rules.functions();
  made.most_functions = rules.most_functions();
  return made;
}

}  // namespace

Result<Suggestion> suggest(Evidence& evidence, const SuggestionOptions& options) {
  if (!options.name.empty() && !is_label(options.name)) {
    return make_error(
        "bad_name",
        fmt::format("`{}` cannot be the name of a policy: write 1 to 63 lower-case letters, digits "
                    "and `-`, a letter or digit at either end",
                    options.name));
  }
  evidence.finish();
  if (evidence.records() == 0)
    return make_error("nothing_recorded",
                      fmt::format("nothing is recorded of workload `{}`", options.workload));
  if (evidence.used().calls == 0) {
    return make_error("nothing_recorded",
                      fmt::format("of {} of workload `{}` none was let go: there is nothing to allow",
                                  count_text(evidence.records(), "record"), options.workload));
  }
  const auto name = options.name.empty() ? label_for(options.workload) : options.name;
  Draft made = draft(evidence, options, name);
  while ((made.text.size() > longest_text || made.most_functions > most_functions) && evidence.squeeze())
    made = draft(evidence, options, name);
  const auto parsed = policy::parse_policies(made.text, "suggestion");
  if (has_error(parsed.findings) || parsed.policies.size() != 1) {
    const auto& found = parsed.findings;
    return make_error(
        "invalid_suggestion",
        fmt::format(
            "the suggestion does not pass the checker, which is a mistake of callgate: please report it\n{}",
            found.empty() ? "" : policy::format_finding(found.front(), made.text)));
  }
  return Suggestion{std::move(made.text), name,          evidence.used().calls, evidence.denials().calls(),
                    evidence.not_kept(),  made.functions};
}

}  // namespace callgate::suggest
