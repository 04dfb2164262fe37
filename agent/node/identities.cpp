#include "node/identities.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <pwd.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "callgate/v1/node.pb.h"

namespace callgate::node {
namespace {

constexpr std::chrono::milliseconds coalescing{20};
constexpr std::chrono::seconds rotation_check{1};
constexpr std::chrono::seconds roots_check{5};
constexpr std::size_t roots_limit = 16U << 20U;

// The user's name where it can be a part of a SPIFFE ID, else the number.
std::string user_segment(uid_t owner) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(owner, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    std::string name = found->pw_name;
    const bool plain =
        !name.empty() && name != "." && name != ".." && std::all_of(name.begin(), name.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                 c == '_' || c == '-';
        });
    if (plain) return name;
  }
  return std::to_string(owner);
}

}  // namespace

Identities::Identities(Loop& loop, IdentitiesSettings settings, Publish publish)
    : loop_(loop), settings_(std::move(settings)), publish_(std::move(publish)) {}

Result<void> Identities::start() {
  CALLGATE_TRY(make_directories(settings_.directory, 0700));
  auto authority = identity::Authority::open(settings_.directory, settings_.trust_domain);
  if (!authority) return authority.error();
  authority_.emplace(std::move(*authority));
  read_roots();
  dirty_ = true;
  flush();
  rotation_ = loop_.every(rotation_check, [this] { rotate(); });
  roots_timer_ = loop_.every(roots_check, [this] { read_roots(); });
  return {};
}

void Identities::stop() {
  coalesce_ = {};
  rotation_ = {};
  roots_timer_ = {};
}

void Identities::read_roots() {
  auto roots = read_file(settings_.system_roots, roots_limit);
  if (!roots) {
    // Targets that the system's authorities vouch for are refused then; those of the own trust domain go on.
    if (roots_problem_.empty()) log_warning("system_roots_missing", {{"error", roots.error().message}});
    roots_problem_ = roots.error().message;
    return;
  }
  roots_problem_.clear();
  if (*roots == system_roots_) return;
  system_roots_ = std::move(*roots);
  changed();
}

Result<void> Identities::issue(Entry& entry) const {
  const auto id = identity::SpiffeId::parse(entry.workload.spiffe_id);
  if (!id) return id.error();
  auto svid = authority_->issue(*id, settings_.ttl);
  if (!svid) return svid.error();
  entry.svid = std::move(*svid);
  return {};
}

Result<void> Identities::add(const workload::Workload& workload) {
  Entry entry;
  entry.workload = workload;
  CALLGATE_TRY(issue(entry));
  log_info("svid_issued", {{"workload", workload.name},
                           {"id", std::to_string(workload.id)},
                           {"spiffe_id", workload.spiffe_id},
                           {"not_after", format_time(entry.svid.not_after * 1'000'000'000U)}});
  entries_[workload.id] = std::move(entry);
  changed();
  return {};
}

void Identities::remove(std::uint64_t workload) {
  if (entries_.erase(workload) != 0) changed();
}

void Identities::keep_only(const std::map<std::uint64_t, workload::Workload>& workloads) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (workloads.count(entry->first) != 0) {
      ++entry;
    } else {
      entry = entries_.erase(entry);
      changed();
    }
  }
}

void Identities::rotate() {
  for (auto& [id, entry] : entries_) {
    if (!identity::needs_rotation(entry.svid)) continue;
    const auto issued = issue(entry);
    if (!issued) {
      log_error("svid_not_renewed", {{"workload", entry.workload.name}, {"error", issued.error().message}});
      continue;
    }
    log_info("svid_renewed", {{"workload", entry.workload.name}, {"spiffe_id", entry.workload.spiffe_id}});
    changed();
  }
}

void Identities::changed() {
  if (dirty_) return;
  dirty_ = true;
  coalesce_ = loop_.after(coalescing, [this] { flush(); });
}

void Identities::flush() {
  if (!dirty_) return;
  dirty_ = false;
  coalesce_ = {};
  v1::Identities snapshot;
  for (const auto& [id, entry] : entries_) {
    auto& workload = *snapshot.add_workloads();
    workload.set_id(id);
    workload.set_name(entry.workload.name);
    workload.set_spiffe_id(entry.workload.spiffe_id);
    workload.set_certificate_chain_pem(entry.svid.chain_pem);
    workload.set_private_key_pem(entry.svid.key_pem);
    workload.set_netns_cookie(entry.workload.netns_cookie);
  }
  snapshot.set_system_roots_pem(system_roots_);
  snapshot.set_bundle_pem(authority_->bundle_pem());
  snapshot.set_trust_domain(authority_->trust_domain());
  auto memory = make_sealed_memory("identities", snapshot.SerializeAsString());
  if (!memory) {
    log_error("identities_not_published", {{"error", memory.error().message}});
    return changed();
  }
  publish_(++number_, std::move(*memory));
}

Result<std::string> Identities::default_id(workload::Kind kind, uid_t owner, const std::string& name) const {
  const std::string path = kind == workload::Kind::run ? fmt::format("user/{}/{}", user_segment(owner), name)
                                                       : fmt::format("cgroup/{}", name);
  const auto id = identity::SpiffeId::parse(fmt::format("spiffe://{}/{}", authority_->trust_domain(), path));
  if (!id) return id.error();
  return id->text();
}

Result<void> Identities::check(const std::string& spiffe_id) const {
  const auto id = identity::SpiffeId::parse(spiffe_id);
  if (!id) return make_error("invalid", id.error().message);
  if (id->trust_domain() != authority_->trust_domain() || id->path().empty()) {
    return make_error("invalid",
                      fmt::format("{} is not an identity of the trust domain {}: write spiffe://{}/<path>",
                                  spiffe_id, authority_->trust_domain(), authority_->trust_domain()));
  }
  return {};
}

const identity::Svid* Identities::find(std::uint64_t workload) const {
  const auto found = entries_.find(workload);
  return found == entries_.end() ? nullptr : &found->second.svid;
}

}  // namespace callgate::node
