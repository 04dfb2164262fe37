// One HTTP call under enforcement, from its head to the last byte of its answer.
//
// The order that makes a record trustworthy: nothing goes to the target before "call opened" is in the ring,
// and nothing goes to the caller before what it says is in the ring; the last bytes of an answer leave after
// "call closed".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/http1/reader.hpp"
#include "proxy/call_limits.hpp"
#include "proxy/call_record.hpp"
#include "proxy/call_stages.hpp"
#include "proxy/connector.hpp"
#include "proxy/content.hpp"
#include "proxy/input.hpp"
#include "proxy/passing_body.hpp"
#include "proxy/recorder.hpp"
#include "proxy/session.hpp"
#include "proxy/tunnel.hpp"

namespace callgate::proxy {

// A machine, stepped by its conversation; used for one call after the other, of one flow or of several.
class Exchange {
 public:
  enum class Progress : std::uint8_t {
    waiting,  // for a socket, a deadline or what session.wait_for() says
    again,    // could go on, but others are to have their turn
    keep,     // answered; the connection is ready for the next request
    close,    // answered; the connection is to be closed in order
    abort,    // the caller's connection is to be reset
  };
  // What the flow's record says if the flow ends with this call. With a code only where something went wrong.
  struct Ending {
    record::Outcome outcome = record::Outcome::completed;
    std::string code;
    std::string detail;
  };

  explicit Exchange(ThreadContext& context);
  ~Exchange();

  // Reads the flow's requests, as long as one call at a time goes through this machine.
  [[nodiscard]] http1::RequestReader& requests() { return requests_; }
  // Begins a call: requests().head() is complete, and `raw` are its bytes.
  void begin(Session& session, std::string_view raw);
  // To be called when the head's bytes have been dropped from the session's input.
  void head_consumed();
  // Begins a call that cannot be carried out: its bytes are no request, or they do not come.
  void begin_refused(Session& session, std::string_view raw, const http1::Problem& problem);

  [[nodiscard]] Progress step();
  [[nodiscard]] Nanoseconds deadline() const;
  // The deadline has passed: what comes of it shows at the next step().
  void expire();
  // Records the call as interrupted and lets go of everything.
  void abandon(std::string_view code, std::string_view detail);
  [[nodiscard]] const Ending& ending() const { return ending_; }
  // Whom the call is for.
  [[nodiscard]] const std::string& host() const { return name_.host; }
  // The policies have changed. True if step() has more to say: an upgraded connection that they do not allow
  // ends, and so does a call to a target that they do not have any more.
  [[nodiscard]] bool policy_changed();
  // Forgets the call: ready for the next one, of any flow.
  void clear();

 private:
  // Receives of one step: fairness between the connections of a thread.
  static constexpr int receives_per_step = 8;

  enum class Phase : std::uint8_t {
    none,
    holding,     // waits for its body, which the decision needs
    opening,     // waits for space to record the call
    syncing,     // waits for that record to be on disk
    connecting,  // has no connection to the target yet
    proved,      // has one that is not recorded yet
    relaying,
    upgraded,  // is not HTTP any more
    flushing,  // the answer is complete, and the caller is still reading it
    ended,
  };
  // A wait that has to be over at some time.
  enum class Due : std::uint8_t {
    never,
    ring,
    synced,
    held,
    connector,
    caller_reads,
    caller_sends,
    target_reads,
    target_begins,
    target_sends,
    tunnel
  };
  struct Limit {
    Due due = Due::never;
    Nanoseconds at = 0;
  };

  // exchange.cpp: opening and connecting
  [[nodiscard]] Progress open();
  [[nodiscard]] Progress sync();
  [[nodiscard]] Progress connect();
  [[nodiscard]] Progress record_upstream();
  void decide(const http1::RequestHead& head);
  void judge(policy::Decision decision);
  void start_connecting(bool pooled);
  [[nodiscard]] Progress wait_for_ring();
  [[nodiscard]] Limit limit() const;

  // exchange_hold.cpp: a body that is waited for
  [[nodiscard]] Progress hold();
  [[nodiscard]] Progress decide_held(policy::Body::State state);
  [[nodiscard]] Progress refuse_held(Failure failure);
  [[nodiscard]] policy::Decision ask(const policy::Body& body) const;
  // For a trial that looks into a body which nothing waits for.
  void look_again(std::string_view bytes);
  // The next piece of what was held.
  void take_held(Content& content);
  [[nodiscard]] bool holds() const { return held_sent_ < held_.size(); }
  void hold_trailers();
  [[nodiscard]] const std::vector<http1::Field>& request_trailers() const {
    return held_whole_ ? held_trailers_ : requests_.trailers();
  }
  void forget_held();

  // exchange_relay.cpp: both directions
  [[nodiscard]] Progress relay();
  // These return false if the call took another turn.
  [[nodiscard]] bool pump_request();
  [[nodiscard]] bool pump_response();
  [[nodiscard]] bool receive_request();
  [[nodiscard]] bool read_request(Content& content);
  void send_request(std::string_view content);
  [[nodiscard]] bool receive_response(Content& content, bool& complete);
  [[nodiscard]] bool read_response(Content& content, bool& complete);
  [[nodiscard]] bool begin_response();
  [[nodiscard]] bool send_response(std::string_view content, bool complete);

  // exchange_upgrade.cpp: from a 101 on
  [[nodiscard]] bool accept_upgrade(const http1::ResponseHead& head);
  [[nodiscard]] bool begin_upgrade();
  [[nodiscard]] Progress relay_upgraded();

  // exchange_end.cpp: how calls end
  void answer(const Failure& failure, record::Outcome outcome);
  void fail(const Failure& failure, record::Outcome outcome);
  void upstream_failed(const Failure& failure);
  void abort(record::Outcome outcome, std::string_view code, std::string_view detail);
  void caller_gone();
  [[nodiscard]] bool may_retry(const Failure& failure) const;
  void release_upstream();
  [[nodiscard]] bool close_record(record::Outcome outcome, std::string_view code, std::string_view detail);
  [[nodiscard]] bool flush_client();
  void end(Progress result);

  ThreadContext& context_;
  http1::RequestReader requests_;
  http1::ResponseReader responses_;
  Connector connector_;

  Session* session_ = nullptr;
  CallRecord record_;
  NamedCall name_;
  std::string raw_head_;
  std::string method_;
  std::string request_out_;  // the head as it goes to the target, kept until a byte of the answer is there
  std::shared_ptr<const PolicyInForce> policy_;  // shared: the decision's texts live in it
  policy::Decision decision_;
  std::optional<Failure> refusal_;  // known before the target is involved
  record::Outcome refusal_outcome_ = record::Outcome::refused;
  CallLimits limits_;
  std::string held_;           // of the request's body, before the decision
  std::size_t held_sent_ = 0;  // bytes of it
  PassingBody passing_;
  std::string held_trailer_text_;
  std::vector<http1::Field> held_trailers_;  // in that text
  std::unique_ptr<UpstreamConnection> upstream_;
  std::optional<Tunnel> tunnel_;  // of an upgraded connection
  std::string offer_;             // protocols that the caller offers to change to
  Input answer_;                  // received from the target and not consumed
  CallEnd end_;
  Ending ending_;

  std::uint64_t answer_bytes_ = 0;  // received of the answer, heads and framing included
  int interim_answers_ = 0;
  Nanoseconds ring_since_ = 0;      // waits for space in the ring; 0: it does not
  Nanoseconds sync_since_ = 0;      // waits for its record to be on disk
  Nanoseconds request_moved_ = 0;   // when something of the request last did
  Nanoseconds response_moved_ = 0;  // the same of the answer
  Nanoseconds flushed_ = 0;         // when the caller last took something
  int client_minor_ = 1;
  Phase phase_ = Phase::none;
  Progress result_ = Progress::close;  // once ended
  http1::Framing request_framing_ = http1::Framing::none;
  bool held_whole_ = false;       // held_ is all of the body
  bool awaits_go_ = false;        // the caller waits for 100 (Continue) before it sends the body
  bool keep_alive_ = false;       // as the caller asked, and as far as we can
  bool request_known_ = false;    // the request was understood, so its connection can be kept
  bool request_done_ = false;     // all of it has been received
  bool request_sent_ = false;     // its head has been given to the target's connection
  bool request_stopped_ = false;  // the target takes no more of it
  bool body_seen_ = false;
  bool response_begun_ = false;    // its head has been given to the caller's connection
  bool response_chunked_ = false;  // towards the caller
  bool response_keep_ = false;     // the target keeps its connection
  bool upgrading_ = false;         // the target changes the protocol
  bool announced_close_ = false;   // the caller was told that its connection ends
  bool expected_ = false;          // responses_ waits for this call's answer
  bool opened_ = false;            // as far as its record is concerned, and not closed
  int budget_ = 0;                 // receives that are left to this step
};

}  // namespace callgate::proxy
