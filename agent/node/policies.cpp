#include "node/policies.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "node/host_resolver.hpp"
#include "policy/loader.hpp"

namespace callgate::node {
namespace {

bool same(const std::vector<policy::ResolvedHost>& left, const std::vector<policy::ResolvedHost>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const auto& a, const auto& b) {
    return a.host == b.host && a.addresses == b.addresses;
  });
}

}  // namespace

Policies::Policies(Loop& loop, PoliciesSettings settings, Publish publish)
    : loop_(loop),
      settings_(std::move(settings)),
      publish_(std::move(publish)),
      watch_(loop, settings_.directory, settings_.quiet, [this] { reload(); }) {}

Policies::~Policies() = default;

std::string Policies::last_good_path() const {
  return settings_.state_dir + "/policies.last-good";
}

Result<void> Policies::start() {
  resolver_ = std::make_unique<HostResolver>();
  alive_ = std::make_shared<bool>(true);
  CALLGATE_TRY(watch_.start());
  auto snapshot = read_directory();
  if (snapshot) {
    CALLGATE_TRY(use(std::move(*snapshot)));
  } else {
    auto last_good = read_last_good();
    if (!last_good) {
      return make_error(
          "bad_policies",
          fmt::format("the policies in {} cannot be used, and there are no earlier ones "
                      "({}):\n{}",
                      settings_.directory, last_good.error().message, snapshot.error().message));
    }
    // Its own mode may have changed in the configuration since.
    last_good->default_mode = settings_.default_mode;
    CALLGATE_TRY(use(std::move(*last_good)));
    status_.from_state = true;
    status_.problems = {snapshot.error().message};
    log_error("policies_rejected", {{"directory", settings_.directory},
                                    {"in_force", "the last good ones, from the state directory"},
                                    {"findings", snapshot.error().message}});
  }
  resolve();
  resolve_timer_ = loop_.every(settings_.resolve_interval, [this] { resolve(); });
  return {};
}

void Policies::stop() {
  watch_.stop();
  resolve_timer_ = {};
  resolver_.reset();
  alive_.reset();
}

Result<policy::Snapshot> Policies::read_directory() {
  auto loaded = policy::load_directory(settings_.directory);
  if (!loaded.ok()) return make_error("bad_policies", loaded.report(false));
  policy::Snapshot snapshot;
  snapshot.policies = std::move(loaded.policies);
  snapshot.default_mode = settings_.default_mode;
  snapshot.version = loaded.version;
  return snapshot;
}

Result<policy::Snapshot> Policies::read_last_good() const {
  const auto bytes = read_file(last_good_path(), policy::largest_snapshot);
  if (!bytes) return bytes.error();
  return policy::parse_snapshot(*bytes);
}

void Policies::reload() {
  auto snapshot = read_directory();
  if (snapshot && snapshot->version == snapshot_.version) {
    if (!status_.problems.empty()) log_info("policies_unchanged", {{"version", snapshot->version}});
    status_.problems.clear();
    status_.from_state = false;
    return;
  }
  auto used = snapshot ? use(std::move(*snapshot)) : Result<void>(snapshot.error());
  if (used) {
    status_.problems.clear();
    status_.from_state = false;
    resolve();
    return;
  }
  status_.problems = {used.error().message};
  log_error("policies_rejected", {{"directory", settings_.directory},
                                  {"in_force", status_.version},
                                  {"findings", used.error().message}});
}

Result<void> Policies::use(policy::Snapshot snapshot) {
  snapshot.resolved.clear();
  for (const std::string& host : policy::hosts_to_resolve(snapshot.policies)) {
    for (const auto& known : resolved_) {
      if (known.host == host) snapshot.resolved.push_back(known);
    }
  }
  const std::string bytes = policy::serialize_snapshot(snapshot);
  if (bytes.size() > policy::largest_snapshot) {
    return make_error("too_large",
                      fmt::format("the policies are larger than {} bytes", policy::largest_snapshot));
  }
  // The engine is made of the very bytes that the proxy gets: what one accepts, the other does.
  auto engine = policy::load_snapshot(bytes);
  if (!engine) return engine.error();
  auto memory = make_sealed_memory("policy", bytes);
  if (!memory) return memory.error();
  const bool changed = snapshot.version != snapshot_.version || engine_ == nullptr;
  if (changed) {
    const auto kept = replace_file(last_good_path(), bytes, 0600);
    if (!kept) log_warning("last_good_policies_not_kept", {{"error", kept.error().message}});
  }
  engine_ = std::move(*engine);
  snapshot_ = std::move(snapshot);
  ++status_.number;
  status_.version = snapshot_.version;
  status_.documents = snapshot_.policies.size();
  if (changed) {
    status_.loaded_ns = wall_ns();
    log_info("policies_in_force",
             {{"version", status_.version}, {"documents", std::to_string(status_.documents)}});
  }
  publish_(status_.number, std::move(*memory));
  return {};
}

void Policies::resolve() {
  auto hosts = policy::hosts_to_resolve(snapshot_.policies);
  if (hosts.empty() || !resolver_) return;
  resolving_ = resolved_.empty();
  resolver_->resolve(std::move(hosts),
                     [this, alive = std::weak_ptr(alive_)](std::vector<policy::ResolvedHost> found) {
                       loop_.post([this, alive, found = std::move(found)]() mutable {
                         if (alive.lock()) resolved(std::move(found));
                       });
                     });
}

void Policies::resolved(std::vector<policy::ResolvedHost> hosts) {
  for (auto& host : hosts) {
    // A name server that does not answer takes no address away.
    if (!host.addresses.empty()) continue;
    for (const auto& known : resolved_) {
      if (known.host == host.host) host.addresses = known.addresses;
    }
  }
  resolving_ = false;
  if (same(hosts, resolved_)) return;
  resolved_ = std::move(hosts);
  const auto used = use(snapshot_);
  if (!used) log_error("policies_not_renewed", {{"error", used.error().message}});
}

workload::Mode Policies::mode_of(std::string_view workload, std::string_view spiffe_id) const {
  return engine_->workload_mode(workload, spiffe_id) == policy::Mode::enforce ? workload::Mode::enforce
                                                                              : workload::Mode::observe;
}

}  // namespace callgate::node
