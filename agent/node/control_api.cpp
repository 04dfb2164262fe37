#include "node/control_api.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"

namespace callgate::node {

Result<void> ControlApi::start(const AgentParts& parts) {
  const config::Config& config = parts.config;
  control::ServerOptions options;
  options.socket = config.control.socket;
  if (!config.control.group.empty()) {
    const auto group = control::resolve_group(config.control.group);
    if (!group) return group.error();
    options.group = *group;
  }
  std::vector<std::string> unknown;
  options.access.admins = control::Users::resolve(config.control.admins, unknown);
  options.access.auditors = control::Users::resolve(config.control.auditors, unknown);
  options.access.viewers = control::Users::resolve(config.control.viewers, unknown);
  options.access.runners = control::Users::resolve(config.run.users, unknown);
  for (const auto& grant : config.identities) {
    options.access.identities.push_back({grant.id, control::Users::resolve(grant.users, unknown)});
  }
  for (const std::string& name : unknown)
    log_warning("unknown_user", {{"user", name}});
  calls_.emplace(loop_);
  backend_.emplace(*calls_, parts);
  auto server = control::Server::start(std::move(options), *backend_);
  if (!server) return server.error();
  server_ = std::move(*server);
  return {};
}

void ControlApi::stop() {
  if (calls_) calls_->stop();
  server_.reset();
}

}  // namespace callgate::node
