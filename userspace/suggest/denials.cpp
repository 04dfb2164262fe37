#include "suggest/denials.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/path.hpp"
#include "policy/text_pattern.hpp"
#include "suggest/text.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t most_denials = 1000;
constexpr std::size_t most_used = 1U << 20U;
constexpr std::size_t most_reasons = 32;
constexpr std::size_t most_listed = 200;

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

// A deny rule counts in any case of the method, so the case says nothing here.
std::uint64_t hash_of(std::string_view protocol, std::string_view host, std::uint16_t port,
                      std::string_view method, std::string_view path) {
  return std::hash<std::string>{}(fmt::format("{}:{}:{} {} {}", protocol, host, port, upper(method), path));
}

std::string reason_of(const v1::Decision& decision) {
  if (!decision.rule().empty())
    return fmt::format("by rule {} of policy {}: {}", decision.rule(), decision.policy(), decision.reason());
  if (!decision.policy().empty())
    return fmt::format("by policy {}: {}", decision.policy(), decision.reason());
  return decision.reason();
}

}  // namespace

void Denials::add(const v1::Record& record, const RecordedCall& call) {
  ++calls_;
  const std::string host(policy::CanonicalHost(call.host).view());
  Key key{host, call.port, std::string(call.protocol), std::string(call.method), std::string(call.path)};
  auto at = denials_.find(key);
  if (at == denials_.end()) {
    if (denials_.size() == most_denials) {
      ++not_kept_;
      return;
    }
    Denial denial{
        host, call.port, std::get<2>(key), std::get<3>(key), std::get<4>(key), reason_of(record.decision()),
        {}};
    at = denials_.emplace(std::move(key), std::move(denial)).first;
  }
  at->second.seen.add(record, call.path);
}

void Denials::note_used(const RecordedCall& call) {
  const policy::CanonicalHost host(call.host);
  const auto note = [&](std::string_view path) {
    // Without more room a denied call stays denied.
    if (used_.size() < most_used)
      used_.insert(hash_of(call.protocol, host.view(), call.port, call.method, path));
  };
  note(call.path);
  // Deny rules count under either reading of a path.
  if (policy::has_second_reading(call.path)) note(policy::second_reading(call.path));
}

void Denials::add_impossible(const v1::Record& record, std::string_view why) {
  auto at = impossible_.find(why);
  if (at == impossible_.end()) {
    if (impossible_.size() == most_reasons) why = "for other reasons";
    at = impossible_.try_emplace(std::string(why)).first;
  }
  at->second.add(record, record.function());
}

void Denials::add_flow(const v1::Record& record) {
  std::string_view code = record.error_code();
  if (!flows_.contains(code) && flows_.size() == most_reasons) code = "others";
  ++flows_[std::string(code)];
}

std::vector<const Denial*> Denials::all() const {
  std::vector<const Denial*> found;
  for (const auto& [key, denial] : denials_)
    found.push_back(&denial);
  return found;
}

bool Denials::was_used(const Denial& denial) const {
  return used_.contains(hash_of(denial.protocol, denial.host, denial.port, denial.method, denial.path));
}

std::string Denials::denied_calls() const {
  if (calls_ == 0) return {};
  std::string out = fmt::format("# Denied by policies that were enforced, and not allowed here: {}.\n",
                                count_text(calls_, "call"));
  auto denials = all();
  std::stable_sort(denials.begin(), denials.end(),
                   [](const Denial* a, const Denial* b) { return a->seen.calls > b->seen.calls; });
  const std::size_t listed = std::min(denials.size(), most_listed);
  for (std::size_t i = 0; i < listed; ++i) {
    const Denial& one = *denials[i];
    const auto function = fmt::format("{}:{} {}{}", one.protocol, one.method, one.host, one.path);
    out += fmt::format("#   {}: {} port {}, {}{} (session {})\n", count_text(one.seen.calls, "call"),
                       comment_text(function), one.port, comment_text(one.why),
                       was_used(one) ? "; let go at other times, so allowed here" : "",
                       session_text(one.seen.session));
  }
  if (denials.size() > listed)
    out += fmt::format("#   and {} more functions: see `callgate sessions list --decision deny`\n",
                       denials.size() - listed);
  if (not_kept_ != 0) {
    out += fmt::format(
        "# WARNING: {} of further functions were denied, and could be allowed above: suggest from a shorter "
        "time.\n",
        count_text(not_kept_, "call"));
  }
  return out;
}

std::string Denials::listing() const {
  std::string out = denied_calls();
  for (const auto& [why, seen] : impossible_) {
    out +=
        fmt::format("# Not covered, {}: {}, such as {} (session {})\n", why, count_text(seen.calls, "call"),
                    comment_text(seen.example), session_text(seen.session));
  }
  for (const auto& [code, flows] : flows_) {
    out += fmt::format("# Without any call, {}: {}\n", code.empty() ? "nothing was sent" : comment_text(code),
                       count_text(flows, "connection"));
  }
  return out;
}

}  // namespace callgate::suggest
