#include "suggest/evidence.hpp"

#include <algorithm>

#include "policy/text_pattern.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t most_sessions = 10'000;
constexpr std::size_t most_methods = 32;  // of one target
constexpr std::size_t most_addresses = 16;
constexpr std::size_t longest_method = 64;

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= longest_method && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// The host as a target of a policy names it, or empty.
std::string exact_host(std::string_view host) {
  const policy::CanonicalHost canonical(host);
  policy::PatternFault fault;
  const auto pattern = policy::parse_host_pattern(canonical.view(), fault);
  const bool exact =
      pattern && pattern->kind == policy::HostPattern::Kind::exact && pattern->text == canonical.view();
  return exact ? pattern->text : std::string();
}

}  // namespace

void Evidence::add(const v1::Record& record) {
  ++records_;
  if (record.kind() == v1::Record::KIND_FLOW) {
    denials_.add_flow(record);
    return;
  }
  const auto call = read_call(record);
  if (!call) {
    denials_.add_impossible(record, call.error().message);
    return;
  }
  switch (standing_of(record)) {
    case Standing::denied:
      denials_.add(record, *call);
      return;
    case Standing::undecided:
      denials_.add_impossible(record, "refused whatever policies say");
      return;
    case Standing::used:
      break;
  }
  const bool observed = !record.decision().enforced();
  if (observed && call->protocol == "tcp") {
    if (lost_.contains(record.session_id())) return;
    if (rests_.size() < most_sessions) {
      rests_[record.session_id()] = record;
      return;
    }
  }
  if (observed && record.error_code() == "protocol_lost") {
    rests_.erase(record.session_id());
    if (lost_.size() < most_sessions) lost_.insert(record.session_id());
  }
  use(record, *call);
}

void Evidence::finish() {
  for (const auto& [session, record] : rests_) {
    const auto call = read_call(record);
    if (call) use(record, *call);
  }
  rests_.clear();
}

void Evidence::use(const v1::Record& record, const RecordedCall& call) {
  TargetEvidence* const target = target_of(record, call);
  if (target == nullptr) return;
  if (call.protocol == "http") {
    use_path(record, call, *target);
    return;
  }
  (call.protocol == "tls" ? target->tls : target->tcp).add(record, {});
  if (call.protocol == "tcp" && call.address && target->addresses.size() < most_addresses)
    target->addresses.insert(ip_to_string(*call.address));
  target->upstream.add(record);
  used_.add(record, {});
  callers_.add(record);
  denials_.note_used(call);
}

TargetEvidence* Evidence::target_of(const v1::Record& record, const RecordedCall& call) {
  const auto host = exact_host(call.host);
  if (host.empty() || call.port == 0) {
    denials_.add_impossible(record, "no policy can name the host");
    return nullptr;
  }
  const auto at = targets_.find({host, call.port});
  if (at != targets_.end()) return &at->second;
  if (targets_.size() == options_.targets) {
    ++not_kept_;
    return nullptr;
  }
  auto& made = targets_[{host, call.port}];
  made.host = host;
  made.port = call.port;
  return &made;
}

void Evidence::use_path(const v1::Record& record, const RecordedCall& call, TargetEvidence& target) {
  auto at = target.http.find(std::string(call.method));
  if (at == target.http.end()) {
    if (!is_token(call.method) || target.http.size() == most_methods) {
      denials_.add_impossible(record, "no policy can name the method");
      return;
    }
    at = target.http.try_emplace(std::string(call.method), distinct_).first;
  }
  // Where even the most general paths take too much, there is no place for more of them.
  if (nodes_ > 4 * options_.nodes) {
    ++not_kept_;
    return;
  }
  Seen seen;
  seen.add(record, call.path);
  const std::size_t before = at->second.nodes();
  at->second.add(call.path, seen);
  nodes_ = nodes_ + at->second.nodes() - before;
  target.upstream.add(record);
  used_.add(seen);
  callers_.add(record);
  denials_.note_used(call);
  while (nodes_ > options_.nodes && squeeze()) {
  }
}

bool Evidence::squeeze() {
  if (distinct_ == 0) return false;
  distinct_ /= 2;
  nodes_ = 0;
  for (auto& [name, target] : targets_) {
    for (auto& [method, tree] : target.http)
      tree.squeeze(distinct_);
    nodes_ += target.nodes();
  }
  return true;
}

}  // namespace callgate::suggest
