// A backend that answers with what it knows of the peer.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <poll.h>

#include "control/server.hpp"

namespace callgate::control::test {

inline constexpr std::size_t big_text = 1U << 20U;

class FakeBackend : public Backend {
 public:
  Result<v1::StatusReply> status(const Peer& peer) override {
    v1::StatusReply reply;
    reply.set_version(fmt::format("{}:{}:{}", peer.uid, peer.pid, static_cast<int>(peer.role)));
    pollfd alive{peer.pidfd, POLLIN, 0};
    reply.set_pid(::poll(&alive, 1, 0) == 0 ? 1 : 0);
    return reply;
  }
  Result<v1::ListWorkloadsReply> list_workloads(const Peer&) override { return v1::ListWorkloadsReply(); }
  Result<v1::EnrollReply> enroll(const Peer&, const v1::EnrollRequest&) override {
    return make_error("exists", "it is enrolled already");
  }
  Result<v1::UnenrollReply> unenroll(const Peer&, const v1::UnenrollRequest&) override {
    throw std::runtime_error("a mistake");
  }
  Result<v1::StartRunReply> start_run(const Peer& peer, const v1::StartRunRequest& request) override {
    v1::StartRunReply reply;
    reply.mutable_workload()->set_name(request.name());
    reply.mutable_workload()->set_owner_uid(peer.uid);
    return reply;
  }
  Result<v1::MetricsReply> metrics(const Peer&) override { return v1::MetricsReply(); }
  Result<v1::UpgradeReply> start_upgrade(const Peer&, const v1::UpgradeRequest&) override {
    return v1::UpgradeReply();
  }
  Result<v1::DoctorReply> doctor(const Peer&) override { return v1::DoctorReply(); }
  Result<v1::ListSessionsReply> list_sessions(const Peer&, const v1::ListSessionsRequest& request) override {
    v1::ListSessionsReply reply;
    for (std::uint32_t index = 0; index < request.page_size(); ++index) {
      reply.add_records()->set_function(std::string(big_text, 'f'));
    }
    return reply;
  }
  Result<void> show_session(const Peer&, const v1::ShowSessionRequest&,
                            Stream<v1::ShowSessionPart>& stream) override {
    v1::ShowSessionPart part;
    part.mutable_record()->set_function("http:GET x/");
    if (!stream.write(part)) return {};
    for (int chunk = 0; chunk < 64; ++chunk) {
      part.mutable_payload()->set_data(std::string(256U << 10U, static_cast<char>('a' + chunk % 26)));
      if (!stream.write(part)) return {};
    }
    return {};
  }
  Result<void> tail_sessions(const Peer&, const v1::TailSessionsRequest&,
                             Stream<v1::TailItem>& stream) override {
    v1::TailItem item;
    item.mutable_record()->set_status(200);
    if (!stream.write(item)) return {};
    std::unique_lock lock(mutex_);
    while (!stream.closed())
      changed_.wait_for(lock, std::chrono::milliseconds(5));
    ++ended_;
    changed_.notify_all();
    return {};
  }
  Result<void> search_sessions(const Peer&, const v1::SearchSessionsRequest&,
                               Stream<v1::SearchPart>&) override {
    return make_error("too_many", "two searches are going on already");
  }
  Result<v1::IdentityShowReply> identity_show(const Peer&, const v1::IdentityShowRequest&) override {
    return v1::IdentityShowReply();
  }
  Result<v1::IdentityBundleReply> identity_bundle(const Peer&, const v1::IdentityBundleRequest&) override {
    v1::IdentityBundleReply reply;
    reply.set_bundle("PEM");
    return reply;
  }
  Result<v1::ProveSessionReply> prove_session(const Peer&, const v1::ProveSessionRequest&) override {
    return v1::ProveSessionReply();
  }
  Result<v1::ListHoldsReply> list_holds(const Peer&) override { return v1::ListHoldsReply(); }
  Result<v1::ChangeHoldReply> change_hold(const Peer&, const v1::ChangeHoldRequest&) override {
    return v1::ChangeHoldReply();
  }
  Result<v1::EraseSessionReply> erase_session(const Peer&, const v1::EraseSessionRequest&) override {
    return v1::EraseSessionReply();
  }
  Result<v1::ReindexReply> reindex(const Peer&, const v1::ReindexRequest&) override {
    return v1::ReindexReply();
  }

  bool wait_for_ended_tails(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return ended_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int ended_ = 0;
};

inline Users users(const std::vector<std::string>& names) {
  std::vector<std::string> unknown;
  return Users::resolve(names, unknown);
}

}  // namespace callgate::control::test
