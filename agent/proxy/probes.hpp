// Makes targets prove themselves on connections of the agent's own, for callers whose TLS is theirs.
//
// A probe belongs to its target's bucket, not to a call: flows that ask for the same at once share it, and
// one that renews a proof goes on when the call that found it old has ended. The proof is kept with the
// bucket for a while.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/connector.hpp"
#include "proxy/upstream_pool.hpp"

namespace callgate::proxy {

class Probe final : private StreamUser {
 public:
  enum class State : std::uint8_t { running, proved, failed };

  Probe(ThreadContext& context, const Workload& workload, std::shared_ptr<UpstreamBucket> bucket);

  [[nodiscard]] State state() const { return state_; }
  // failed.
  [[nodiscard]] const Failure& failure() const { return connector_.failure(); }
  // What the target showed instead of a proof, if anything.
  [[nodiscard]] const UpstreamConnection* failed_connection() const { return connector_.failed_connection(); }
  // proved.
  [[nodiscard]] const std::shared_ptr<const UpstreamBucket::Proof>& proof() const { return proof_; }

  // `user` is told once, when it is over.
  void add(StreamUser& user) { waiting_.push_back(&user); }
  void remove(StreamUser& user) { std::erase(waiting_, &user); }

 private:
  friend class Probes;

  void on_stream_ready() override { step(); }
  void step();
  void expire();
  void keep(const UpstreamConnection& connection);
  void fail();
  void tell();

  ThreadContext& context_;
  std::shared_ptr<UpstreamBucket> bucket_;  // shared with the pool and the calls that use it
  Connector connector_;
  std::shared_ptr<const UpstreamBucket::Proof> proof_;
  std::vector<StreamUser*> waiting_;
  State state_ = State::running;
  bool waits_for_socket_ = false;
};

// Those of a thread that are under way.
class Probes {
 public:
  // The bucket's own, begun if it has none. May be over already.
  [[nodiscard]] std::shared_ptr<Probe> ask(ThreadContext& context, const Workload& workload,
                                           const std::shared_ptr<UpstreamBucket>& bucket);
  // Sockets have come, or will not.
  void wake();
  // Ends those whose deadline has passed, and lets go of those that are over.
  void sweep(Nanoseconds now);

 private:
  std::vector<std::shared_ptr<Probe>> running_;  // shared with the calls that wait for them
};

// One call's part in it.
class Prober {
 public:
  enum class Progress : std::uint8_t { proved, waiting, failed };

  Prober() = default;
  ~Prober() { cancel(); }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Has the target proved, unless it was lately: a proof in the second half of its time is good for the call,
  // and renewed beside it. `user` is told when step() has more to say.
  void start(ThreadContext& context, const Workload& workload, const std::shared_ptr<UpstreamBucket>& bucket,
             StreamUser& user);
  [[nodiscard]] Progress step();
  // proved. Null where nothing was started.
  [[nodiscard]] const UpstreamBucket::Proof* proof() const { return proof_.get(); }
  // failed.
  [[nodiscard]] const Failure& failure() const { return probe_->failure(); }
  [[nodiscard]] const UpstreamConnection* failed_connection() const { return probe_->failed_connection(); }
  void cancel();

 private:
  std::shared_ptr<const UpstreamBucket::Proof> proof_;
  std::shared_ptr<Probe> probe_;  // shared with Probes and other calls
  StreamUser* user_ = nullptr;
};

}  // namespace callgate::proxy
