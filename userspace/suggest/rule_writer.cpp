#include "suggest/rule_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "suggest/segment.hpp"
#include "suggest/text.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t longest_methods = 200;
// What fits into a pattern, and into a condition.
constexpr std::size_t longest_path = 1400;
constexpr std::size_t longest_condition = 12'000;

std::string day(std::uint64_t time_ns) {
  constexpr std::size_t to_the_second = 19;
  return time_ns == 0 ? "?" : format_time(time_ns).substr(0, to_the_second) + "Z";
}

std::string seen_text(const Seen& seen, const std::string& details, std::uint64_t denied) {
  std::string text = count_text(seen.calls, "call") + details;
  if (denied != 0) {
    const auto all = static_cast<double>(seen.calls + denied);
    text += fmt::format(", and {} denied ({:.1f} %)", denied, 100 * static_cast<double>(denied) / all);
  }
  text += ", " + day(seen.first_ns);
  if (seen.last_ns != seen.first_ns) text += " to " + day(seen.last_ns);
  if (seen.unfinished != 0) text += fmt::format(", {} did not complete", seen.unfinished);
  if (seen.upgraded != 0) text += fmt::format(", {} went on as another protocol (WebSocket)", seen.upgraded);
  if (!seen.example.empty()) text += ", such as " + comment_text(encode_path(seen.example), 100);
  text += fmt::format(" (session {})", session_text(seen.session));
  if (seen.observed_denials != 0) {
    text += fmt::format("\n        # {} would be denied by observed policies: {}",
                        count_text(seen.observed_denials, "call"), comment_text(seen.observed_rule));
  }
  return text;
}

std::string methods_text(const HttpFunction& function) {
  if (function.methods.size() < 2) return {};
  std::string text;
  for (const auto& [method, seen] : function.methods)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", comment_text(method), seen.calls);
  return " (" + text + ")";
}

std::string literal_path(std::string_view path) {
  std::string text;
  for (std::size_t start = 1; start <= path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    text.append("/").append(literal_pattern(path.substr(start, end - start)));
    start = end + 1;
  }
  return text;
}

// Those that one list can name.
std::vector<std::string> plain_methods(const HttpFunction& function) {
  std::vector<std::string> methods;
  for (const auto& [method, seen] : function.methods) {
    if (is_plain_method(method)) methods.push_back(method);
  }
  return methods;
}

}  // namespace

bool has_functions(const TargetEvidence& target) {
  return target.tls.calls != 0 || target.tcp.calls != 0 || target.nodes() != 0;
}

RuleWriter::RuleWriter(const Evidence& evidence) : evidence_(evidence) {
  for (const auto& [name, target] : evidence.targets()) {
    if (!has_functions(target)) continue;
    targets_.push_back(&target);
    hosts_.insert(target.host);
  }
  for (const auto* denial : evidence.denials().all()) {
    if (denial->protocol == "http") denied_[{denial->host, denial->port}].push_back(denial);
  }
}

std::string RuleWriter::lines() {
  for (const auto* target : targets_) {
    const std::size_t before = functions_;
    write_target(*target);
    most_functions_ = std::max(most_functions_, functions_ - before);
  }
  return out_ + denials_;
}

std::string RuleWriter::host_in_function(const TargetEvidence& target) const {
  const bool one_host = hosts_.count(target.host) == hosts_.size();
  return one_host ? std::string() : target.host;
}

std::string RuleWriter::port_condition(const TargetEvidence& target) const {
  return hosts_.count(target.host) == 1 ? std::string() : fmt::format("target.port == {}", target.port);
}

std::string RuleWriter::unique_name(const TargetEvidence& target, std::string_view what) {
  constexpr std::size_t longest_host = 40;
  const auto base = label_for(target.host, longest_host) + fmt::format("-{}{}", target.port, what);
  std::string name = base;
  for (int number = 2; !names_.insert(name).second; ++number)
    name = fmt::format("{}-{}", base, number);
  return name;
}

const std::vector<const Denial*>& RuleWriter::denials_of(const TargetEvidence& target) const {
  static const std::vector<const Denial*> none;
  const auto at = denied_.find({target.host, target.port});
  return at == denied_.end() ? none : at->second;
}

std::uint64_t RuleWriter::denied_of(const TargetEvidence& target, const HttpFunction& function) const {
  std::uint64_t denied = 0;
  for (const auto* denial : denials_of(target)) {
    if (function.matches(denial->method, denial->path)) denied += denial->seen.calls;
  }
  return denied;
}

void RuleWriter::write_target(const TargetEvidence& target) {
  const auto functions = http_functions(target.http);
  std::vector<Line> lines;
  for (const auto& function : functions) {
    const auto methods = plain_methods(function);
    const auto comment = seen_text(function.seen(), methods_text(function), denied_of(target, function));
    const auto where = host_in_function(target) + function.path;
    const auto joined = fmt::format("{}", fmt::join(methods, ","));
    if (methods.empty()) continue;
    if (joined.size() <= longest_methods) {
      lines.push_back({comment, fmt::format("http:{} {}", joined, where)});
      continue;
    }
    for (const auto& method : methods)
      lines.push_back({comment, fmt::format("http:{} {}", method, where)});
  }
  if (target.tls.calls != 0) {
    const auto host = host_in_function(target);
    lines.push_back({seen_text(target.tls, " of TLS that the caller speaks itself", 0),
                     host.empty() ? "tls:connect" : "tls:connect " + host});
  }
  // Where there is nothing else, connections need no condition of their own.
  const Line connect{seen_text(target.tcp, " whose bytes nobody reads", 0), "tcp:connect"};
  const bool alone = targets_.size() == 1;
  if (target.tcp.calls != 0 && alone) lines.push_back(connect);
  if (!lines.empty()) write_rule(unique_name(target, ""), lines, port_condition(target), true);
  if (target.tcp.calls != 0 && !alone) {
    write_rule(unique_name(target, "-bytes"), {connect},
               fmt::format("target.host == \"{}\" && target.port == {}", target.host, target.port), true);
  }
  write_odd_methods(target, functions);
  write_denials(target, functions);
}

void RuleWriter::write_odd_methods(const TargetEvidence& target, const std::vector<HttpFunction>& functions) {
  for (const auto& [method, tree] : target.http) {
    if (is_plain_method(method)) continue;
    std::vector<Line> lines;
    for (const auto& function : functions) {
      const auto seen = function.methods.find(method);
      if (seen == function.methods.end()) continue;
      lines.push_back({seen_text(seen->second, "", 0),
                       fmt::format("http:* {}{}", host_in_function(target), function.path)});
    }
    if (lines.empty()) continue;
    // A method is a token: nothing of it needs an escape in a condition.
    auto when = fmt::format("call.method == \"{}\"", method);
    if (const auto port = port_condition(target); !port.empty()) when += " && " + port;
    write_rule(unique_name(target, "-method"), lines, when, true);
  }
}

// What was denied, and what the patterns would let go all the same.
void RuleWriter::write_denials(const TargetEvidence& target, const std::vector<HttpFunction>& functions) {
  std::vector<Line> lines;
  std::string allowing;
  allowing.swap(out_);
  for (const auto* denial : denials_of(target)) {
    const bool caught = std::any_of(functions.begin(), functions.end(), [&](const HttpFunction& function) {
      return function.matches(denial->method, denial->path);
    });
    if (!caught || evidence_.denials().was_used(*denial)) continue;
    const auto comment =
        fmt::format("{}, {}", count_text(denial->seen.calls, "call"), comment_text(denial->why));
    const auto path = literal_path(denial->path);
    if (is_plain_method(denial->method) && path.size() <= longest_path &&
        path.find('*') == std::string::npos) {
      lines.push_back({comment, fmt::format("http:{} {}{}", denial->method, host_in_function(target), path)});
    } else {
      write_odd_denial(target, *denial, comment);
    }
  }
  if (!lines.empty()) write_rule(unique_name(target, "-denied"), lines, port_condition(target), false);
  out_.swap(allowing);
  denials_ += allowing;
}

// A path or method that no pattern says alone.
void RuleWriter::write_odd_denial(const TargetEvidence& target, const Denial& denial,
                                  const std::string& comment) {
  // Such a text is one of CEL too.
  auto when =
      fmt::format("call.method == {} && call.path == {}", yaml_text(denial.method), yaml_text(denial.path));
  if (const auto port = port_condition(target); !port.empty()) when += " && " + port;
  if (when.size() > longest_condition) {
    out_ += fmt::format(
        "    # WARNING: a denied call has too long a path to be kept apart, and is allowed above (session "
        "{}).\n",
        session_text(denial.seen.session));
    return;
  }
  write_rule(unique_name(target, "-denied"),
             {{comment, fmt::format("http:* {}/**", host_in_function(target))}}, when, false);
}

void RuleWriter::write_rule(const std::string& name, const std::vector<Line>& lines, const std::string& when,
                            bool allow) {
  out_ += fmt::format("    - name: {}\n      functions:\n", name);
  for (const auto& line : lines)
    out_ += fmt::format("        # {}\n        - {}\n", line.comment, yaml_text(line.function));
  const bool simple = when.find_first_of("'\\") == std::string::npos;
  if (!when.empty()) out_ += fmt::format("      when: {}\n", simple ? "'" + when + "'" : yaml_text(when));
  out_ +=
      allow ? "      action: allow\n" : "      action: deny\n      reason: denied when this was recorded\n";
  functions_ += lines.size();
}

}  // namespace callgate::suggest
