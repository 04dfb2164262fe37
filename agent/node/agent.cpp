#include "node/agent.hpp"

#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "policy/loader.hpp"

namespace callgate::node {
namespace {

// How long the gates of a callgated that was replaced stay open: a connection that was on its way to a full
// backlog is tried again after one second and after three.
constexpr std::chrono::milliseconds last_arrivals{3500};
constexpr std::chrono::milliseconds take_back_retry{1000};

}  // namespace

Result<void> Agent::run() {
  loop_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) { on_signal(signal); });
  CALLGATE_TRY(start());
  if (options_.dry_run) {
    prepared_.stop();
    return {};
  }
  log_info("started", {{"version", CALLGATE_VERSION},
                       {"generation", std::to_string(generation_)},
                       {"workloads", std::to_string(enrolments_->all().size())},
                       {"policies", policies_->status().version},
                       {"control", config_.control.socket}});
  if (!options_.replace) service_manager_.ready();
  serve();
  if (replaced_) {
    service_manager_.replaced_by(replacement_->status().pid());
    log_info(
        "replaced",
        {{"detail", "another callgated has the workloads; what is under way here is served to its end"}});
  } else {
    service_manager_.stopping();
    log_info("stopping", {{"workloads", std::to_string(enrolments_->all().size())},
                          {"enrolments",
                           "stay attached; their connections are refused until callgated runs again, but "
                           "for workloads that are open on agent loss"}});
  }
  owned_.stop();
  prepared_.stop();
  log_info("stopped", {});
  return {};
}

std::vector<Step> Agent::prepared_steps() {
  return {
      {"state directory", [this] { return find_state(); }, {}},
      {"run directory", [this] { return recording_.make_directory(); }, {}},
      {"cgroups", [this] { return make_cgroups(); }, [this] { cgroups_.reset(); }},
      {"socket helper", [this] { return start_helper(); }, [this] { helper_->stop(); }},
      {"kernel programs", [this] { return load_programs(); }, {}},
      {"serving parts", [this] { return make_serving_parts(); }, {}},
      {"proxy", [this] { return start_proxy(); }, [this] { leave(); }},
      {"heartbeat", [this] { return heart_->start(); }, [this] { heart_->stop(); }},
  };
}

std::vector<Step> Agent::owned_steps() {
  return {
      {"state", [this] { return own_state(); }, [this] { instance_.reset(); }},
      {"registry", [this] { return open_registry(); }, {}},
      {"parts", [this] { return make_parts(); }, {}},
      {"identities", [this] { return identities_->start(); }, [this] { identities_->stop(); }},
      {"policies", [this] { return policies_->start(); }, [this] { policies_->stop(); }},
      {"recorder", [this] { return recording_.start(); }, [this] { recording_.stop(); }},
      // The proxy drains while its records are still read.
      {"service", [this] { return begin_service(); },
       [this] {
         if (!handing_over_) leave();
       }},
      {"enrolments", [this] { return enrolments_->start(); }, [this] { enrolments_->stop(); }},
      {"tidying", [this] { return start_tidying(); }, [this] { tidying_ = {}; }},
      {"control API", [this] { return start_control(); }, [this] { control_.stop(); }},
      {"replacement", [this] { return replacement_->listen(); }, [this] { replacement_->stop_listening(); }},
  };
}

Result<void> Agent::start() {
  auto started = prepared_.start(prepared_steps());
  if (started && options_.dry_run) {
    return predecessor_ ? predecessor_->say_ready(true, notes()) : started;
  }
  if (started) started = own();
  if (started || !predecessor_) return started;
  // The running one takes its workloads back before the gates here close.
  predecessor_->give_back(started.error().message);
  predecessor_.reset();
  prepared_.stop();
  return started;
}

Result<void> Agent::own() {
  if (!predecessor_) return owned_.start(owned_steps());
  const auto in_force = predecessor_->ask_for_state(notes());
  if (!in_force) return in_force.error();
  handing_over_ = true;  // until it is certain that this one stays
  auto started = owned_.start(owned_steps());
  if (started) started = check_in_force(*in_force);
  if (started) started = predecessor_->say_switched();
  if (!started) owned_.stop();
  handing_over_ = false;
  if (started) predecessor_.reset();
  return started;
}

Result<void> Agent::check_in_force(const std::vector<std::uint64_t>& expected) const {
  for (const std::uint64_t id : expected) {
    const auto found = enrolments_->all().find(id);
    if (found == enrolments_->all().end() || found->second.in_force) continue;  // it may have ended just now
    return make_error("not_in_force", fmt::format("workload {} cannot be brought into force: {}",
                                                  found->second.workload.name, found->second.problem));
  }
  return {};
}

void Agent::serve() {
  while (!stopping_ && !replaced_) {
    loop_.run();
    if (!stopping_ && std::exchange(next_is_ready_, false)) replaced_ = hand_over();
  }
}

bool Agent::hand_over() {
  std::vector<std::uint64_t> in_force;
  for (const auto& [id, enrolment] : enrolments_->all()) {
    if (enrolment.in_force) in_force.push_back(id);
  }
  log_info("handing_over", {{"workloads", std::to_string(in_force.size())}});
  handing_over_ = true;
  owned_.stop();
  const auto handed_over = replacement_->hand_over(in_force, [this] { return stopping_; });
  if (handed_over != Replacement::HandedOver::given_back)
    return handed_over == Replacement::HandedOver::replaced;
  for (;;) {
    const auto owned = owned_.start(owned_steps());
    if (owned) break;
    log_error("state_not_taken_back", {{"code", owned.error().code}, {"error", owned.error().message}});
    loop_.run_until([this] { return stopping_; }, take_back_retry);
    if (stopping_) return false;
  }
  handing_over_ = false;
  replacement_->taken_back();
  return false;
}

void Agent::leave() {
  if (std::exchange(left_, true)) return;
  if (replaced_) {
    loop_.run_until([this] { return stopping_; }, last_arrivals);
  } else {
    heart_->stop();
    namespaces_->retire();
  }
  supervisor_->drain(config_.timeouts.drain, replaced_);
  namespaces_->close_all();
}

void Agent::on_signal(int signal) {
  if (signal == SIGHUP) {
    log_info("reload_asked", {});
    // Not while another callgated has the workloads, or is about to.
    if (policies_ && !handing_over_) policies_->reload();
    return;
  }
  if (stopping_) {
    // Asked again: whoever asks does not want to wait for the drain.
    if (supervisor_ && supervisor_->proxy() != nullptr) {
      supervisor_->end_proxy(supervisor_->proxy()->generation(), "asked to end at once");
    }
    return;
  }
  stopping_ = true;
  loop_.stop();
}

std::vector<std::string> Agent::notes() const {
  const auto policies = policy::load_directory(config_.policies_dir);
  if (policies.ok()) return {};
  return {"the policies cannot be used, so those in force stay: " + policies.report(false)};
}

Result<void> run_node(const config::Config& config, NodeOptions options) {
  Agent agent(config, std::move(options));
  return agent.run();
}

}  // namespace callgate::node
