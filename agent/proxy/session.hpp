// One flow from accept to close: who calls, under which mode, with what limits; its bytes are a
// conversation's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "kernel/flow.hpp"
#include "policy/engine.hpp"
#include "proxy/input.hpp"
#include "proxy/stream.hpp"
#include "proxy/thread_context.hpp"
#include "record/event.hpp"

namespace callgate::proxy {

class Session;

// What a flow's bytes mean: one kind for each way of handling them. A machine: step() goes on as far as the
// sockets let it.
class Conversation {
 public:
  virtual ~Conversation() = default;
  virtual void step() = 0;
  // The deadline that it set has passed.
  virtual void expire() = 0;
  // The agent is about to end: finish what is open, begin nothing.
  virtual void drain() = 0;
  // The policies have changed.
  virtual void policy_changed() = 0;
  // Ends whatever is open, as interrupted, without waiting. The session is finished after it.
  virtual void abandon(std::string_view code, std::string_view detail) = 0;
};

// What a session waits for besides its sockets and its deadline.
enum class Wait : std::uint8_t {
  none,
  ring,  // space in it
  sync,  // what is in it to be on disk
  sockets,
  process
};

class Session final : private StreamUser {
 public:
  // `workload` is null where nobody knows the flow's workload; refuse() such a session.
  Session(ThreadContext& context, const kernel::Flow& flow, std::shared_ptr<Workload> workload);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes the accepted socket and begins.
  void start(Fd socket);
  // Ends a flow that is not served, and has it recorded.
  void refuse(Fd socket, std::string_view code, std::string_view detail);

  void step();
  void expire();
  void drain();
  void policy_changed();
  void abandon(std::string_view code, std::string_view detail);

  // For conversations.
  [[nodiscard]] ThreadContext& context() { return context_; }
  [[nodiscard]] const Id& id() const { return id_; }
  [[nodiscard]] const kernel::Flow& flow() const { return flow_; }
  [[nodiscard]] const std::shared_ptr<Workload>& workload() const { return workload_; }
  [[nodiscard]] Stream& client() { return *client_; }
  [[nodiscard]] Input& input() { return input_; }
  [[nodiscard]] StreamUser& stream_user() { return *this; }
  [[nodiscard]] const std::shared_ptr<const PolicyInForce>& policy() const { return policy_; }
  [[nodiscard]] const policy::Selection& selection() const { return selection_; }
  [[nodiscard]] policy::Caller caller() const;
  [[nodiscard]] Nanoseconds accepted_at() const { return accepted_at_; }
  // Turns to the policies and identities of now; true if the mode is another than before.
  bool refresh();
  // hand_over() to the conversation that its present mode begins with.
  void change_conversation();
  // Whether the policies of now, which the flow may not have turned to yet, enforce, and have no such target
  // for it: what is still open to that target is to end.
  [[nodiscard]] bool forbidden(std::string_view host) const;
  void count_call() { ++calls_; }
  // A call of the flow went on without its record: so may the flow's own end.
  void note_gap() { gap_ = true; }
  // Hands the flow to `next`, which goes on with what was received and not consumed. The caller is destroyed
  // by it.
  void hand_over(std::unique_ptr<Conversation> next);
  // What the flow's calls to `host` share with each other; kept as `bucket`. `protocols`: ALPN to offer.
  // Error: the workload has no TLS client.
  [[nodiscard]] Result<std::shared_ptr<UpstreamBucket>> upstream_bucket(
      const policy::Upstream& upstream, std::string_view host,
      const std::vector<std::string>& protocols = {});
  // True once the flow itself is in the record, which calls of it presuppose; tries again where it is not.
  [[nodiscard]] bool record_opened();
  void set_deadline(Nanoseconds deadline) { deadline_ = deadline; }
  void wait_for(Wait wait);
  void run_again();
  // Ends the flow in order, or (`reset`) so that the caller cannot take it for an end.
  void finish(record::Outcome outcome, std::string_view code, std::string_view detail, bool reset = false);

  // For the thread.
  [[nodiscard]] Nanoseconds deadline() const { return deadline_; }
  [[nodiscard]] Wait waits_for() const { return wait_; }
  [[nodiscard]] bool runnable() const { return runnable_; }
  void not_runnable() { runnable_ = false; }
  std::size_t index = 0;  // in the thread's list
  bool refused = false;   // never served: only its record is left

  // The last upstream of the flow: most calls of a connection go to one target.
  std::shared_ptr<UpstreamBucket> bucket;

 private:
  enum class Phase : std::uint8_t { process, talking, closing, finished };

  void on_stream_ready() override { step(); }
  void learn_process();
  // After a conversation's turn, in which it may have handed over.
  void after_conversation();
  void open();
  void close();

  ThreadContext& context_;
  const Id id_;
  const kernel::Flow flow_;
  std::shared_ptr<Workload> workload_;  // shared with the snapshot, which may go before the flow does
  std::string process_;
  std::shared_ptr<const PolicyInForce> policy_;
  policy::Selection selection_;  // of policy_'s engine
  std::unique_ptr<Stream> client_;
  Input input_;
  std::unique_ptr<Conversation> conversation_;
  std::unique_ptr<Conversation> retired_;  // has handed over, in the middle of its step
  Nanoseconds accepted_at_;
  Nanoseconds deadline_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t identities_version_ = 0;
  std::uint32_t calls_ = 0;
  Wait wait_ = Wait::none;
  Phase phase_ = Phase::process;
  record::Outcome outcome_ = record::Outcome::completed;
  bool runnable_ = false;
  bool opened_ = false;  // in the record
  bool gap_ = false;
  std::string code_;
  std::string detail_;
};

}  // namespace callgate::proxy
