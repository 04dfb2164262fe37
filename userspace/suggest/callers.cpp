#include "suggest/callers.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/identity_pattern.hpp"
#include "suggest/text.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t most_processes = 16;
constexpr std::size_t most_identities = 16;

}  // namespace

void Callers::add(const v1::Record& record) {
  const auto& identity = record.workload().spiffe_id();
  if (!identities_.contains(identity)) {
    too_many_identities_ = too_many_identities_ || identities_.size() == most_identities;
    if (!too_many_identities_) identities_.insert(identity);
  }
  const auto& process = record.process();
  if (!process.resolved() || !process.exe_path().starts_with('/')) {
    ++unresolved_;
    return;
  }
  const auto at = processes_.find(process.exe_path());
  if (at != processes_.end()) {
    ++at->second;
  } else if (processes_.size() == most_processes) {
    too_many_processes_ = true;
  } else {
    processes_.emplace(process.exe_path(), 1);
  }
}

bool Callers::share_namespace(std::string& name) const {
  if (identities_.empty() || too_many_identities_) return false;
  name = policy::service_account_of(*identities_.begin()).name_space;
  const bool same = std::all_of(identities_.begin(), identities_.end(), [&](const std::string& identity) {
    return policy::service_account_of(identity).name_space == name;
  });
  // A namespace of a document is a DNS label; that of a SPIFFE ID may be more.
  return same && (name.empty() || is_label(name));
}

std::string Callers::lines(const std::string& workload) const {
  const std::string name = yaml_text(glob_for(workload));
  std::string out;
  if (unresolved_ != 0 || too_many_processes_ || processes_.empty()) {
    out += too_many_processes_ ? "    # Not narrowed by process: too many programs made these calls.\n"
                               : fmt::format("    # Not narrowed by process: of {} it is not known.\n",
                                             count_text(unresolved_, "call"));
    return out + fmt::format("    - {{workload: {}}}\n", name);
  }
  for (const auto& [process, calls] : processes_) {
    out += fmt::format("    # {}\n    - {{workload: {}, process: {}}}\n", count_text(calls, "call"), name,
                       yaml_text(glob_for(process)));
  }
  return out;
}

}  // namespace callgate::suggest
