// Listens to a flow that goes on untouched, and records what it can make of it: HTTP/1 calls, or opaque
// bytes.
//
// Recording is all it does: it delays nothing and refuses nothing. What the ring had no space for is a gap,
// which is recorded for itself, and the record of the call, or else of the flow, says so.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/http1/reader.hpp"
#include "protocol/tls/client_hello.hpp"
#include "proxy/call_record.hpp"
#include "proxy/call_stages.hpp"
#include "proxy/observed_tls.hpp"
#include "proxy/passing_body.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class HttpTap {
 public:
  explicit HttpTap(Session& session);
  ~HttpTap();
  HttpTap(const HttpTap&) = delete;
  HttpTap& operator=(const HttpTap&) = delete;

  void target_connected(Nanoseconds at) { connected_at_ = at; }
  // Bytes from the caller and from the target, in their order.
  void caller_sent(std::string_view bytes);
  void target_sent(std::string_view bytes);
  // Takes in what completes the request that is under way, and nothing behind it; returns how much of `bytes`
  // that is. Of opaque bytes it is all.
  [[nodiscard]] std::size_t finish_request(std::string_view bytes);
  void target_ended();
  // The flow is over: closes the records of all calls that are open, with this outcome.
  void finish(record::Outcome outcome, std::string_view code, std::string_view detail);

  // Between two calls.
  [[nodiscard]] bool idle() const;
  // Nothing can be told apart any more.
  [[nodiscard]] bool opaque() const { return opaque_; }
  // In the middle of a request, behind its head.
  [[nodiscard]] bool requesting() const { return !opaque_ && !calls_.empty() && !calls_.back().request_done; }
  // A request was begun whose answer is not complete.
  [[nodiscard]] bool answering() const { return !calls_.empty(); }
  // What a caller's own TLS would have had to undergo is still being asked for.
  [[nodiscard]] bool asking() const { return tls_ && tls_->asking(); }
  // Looks at that.
  void step() {
    if (tls_) tls_->step();
  }
  // Something could not be recorded.
  [[nodiscard]] bool has_gap() const { return gap_; }

 private:
  struct Call {
    explicit Call(ThreadContext& context) : record(context) {}
    CallRecord record;
    CallEnd end;
    bool request_done = false;
    bool response_done = false;
  };

  void open_http(std::string_view raw);
  // The body of the last call goes on; `complete`: to its end.
  void look_again(std::string_view bytes, bool complete);
  void open_opaque();
  void open_tls(const tls::ClientHello& hello);
  // The caller's bytes so far are the beginning of a TLS handshake, whose name is not there yet.
  [[nodiscard]] bool awaits_name();
  // Returns at the end of the request that is under way if nothing `beyond` it is to be read.
  void read_requests(bool beyond);
  void read_responses();
  // Everything from here on is one opaque call.
  void become_opaque();
  void open(const policy::Decision& decision, std::string_view function, std::string_view host);
  void open(Call& call, const policy::Decision& decision, std::string_view function, std::string_view host);
  void payload(Call& call, record::Direction direction, record::PayloadKind kind, std::string_view bytes);
  void close(Call& call, record::Outcome outcome, std::string_view code, std::string_view detail);
  void close_front_if_done();
  void note_gap(const Call& call) { gap_ = gap_ || call.record.has_gap(); }

  Session& session_;
  ThreadContext& context_;
  http1::RequestReader requests_;
  http1::ResponseReader responses_;
  std::string from_caller_;  // not yet read: the beginning of a head or of a chunk
  std::string from_target_;
  std::deque<Call> calls_;  // whose answers are not complete, in order
  NamedCall name_;          // of the last one
  std::string raw_head_;    // the same, where its decision lacks the body
  PassingBody passing_;
  Nanoseconds connected_at_ = 0;
  std::size_t left_over_ = 0;  // bytes behind the request at whose end read_requests() returned
  tls::ClientHelloReader hello_reader_;
  tls::Read<tls::ClientHello> hello_;  // of a caller that speaks TLS itself
  std::optional<ObservedTls> tls_;     // of that call
  bool first_ = true;                  // nothing of the caller's bytes was taken for a request yet
  bool opaque_ = false;
  bool encrypted_ = false;  // and it is TLS: nobody could read the bytes, so none are kept
  bool gap_ = false;
};

}  // namespace callgate::proxy
