// A call that waits for its body, because a rule looks into it: nothing of it has gone anywhere.
#include <algorithm>

#include "proxy/exchange.hpp"

namespace callgate::proxy {
namespace {

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
// What of a body that was held goes out at once.
constexpr std::size_t held_piece = 64U << 10U;
// Memory for bodies that a machine keeps between two calls.
constexpr std::size_t kept_memory = 64U << 10U;

}  // namespace

Exchange::Progress Exchange::hold() {
  Input& input = session_->input();
  const std::size_t most = context_.settings.decision_body_bytes;
  for (int receives = 0;; ++receives) {
    while (!held_whole_) {
      const http1::Step step = requests_.step(input.bytes());
      if (step.event == http1::Event::need_more) break;
      if (step.event == http1::Event::invalid) {
        const http1::Problem& problem = requests_.error();
        request_known_ = false;
        return refuse_held({problem.status, std::string(problem.code), std::string(problem.detail)});
      }
      if (step.event == http1::Event::body) {
        if (step.body.size() > most - held_.size()) return decide_held(policy::Body::State::too_large);
        held_.append(step.body);
      }
      if (step.event == http1::Event::end) {
        held_whole_ = true;
        hold_trailers();
      }
      input.consume(step.consumed);
    }
    input.keep();
    if (held_whole_) return decide_held(policy::Body::State::complete);
    if (std::exchange(awaits_go_, false) && !session_->client().send(go_on)) {
      caller_gone();
      return result_;
    }
    if (!session_->client().readable()) return Progress::waiting;
    if (receives == receives_per_step) return Progress::again;
    const IoStatus status = input.receive(session_->client(), context_.buffer()).status;
    if (status == IoStatus::closed || status == IoStatus::failed) {
      caller_gone();
      return result_;
    }
  }
}

Exchange::Progress Exchange::decide_held(policy::Body::State state) {
  request_done_ = held_whole_ && !holds();  // an empty body
  judge(ask({state, state == policy::Body::State::complete ? std::string_view(held_) : std::string_view{}}));
  phase_ = Phase::opening;
  return open();
}

Exchange::Progress Exchange::refuse_held(Failure failure) {
  refusal_ = std::move(failure);
  refusal_outcome_ = record::Outcome::refused;
  phase_ = Phase::opening;
  return open();
}

policy::Decision Exchange::ask(const policy::Body& body) const {
  return DecisionStage::run(*session_, name_, raw_head_, context_.settings.request, body);
}

void Exchange::look_again(std::string_view bytes) {
  passing_.add(bytes);
  if (!passing_.decidable(request_done_)) return;
  policy::Decision tried = decision_;
  tried.trial = ask(passing_.body()).trial;
  // Without space for it, the record goes on to say that the body was needed.
  (void)record_.decided(tried);
  passing_.clear();
}

// What was received is dropped before they are sent.
void Exchange::hold_trailers() {
  const auto& trailers = requests_.trailers();
  for (const http1::Field& field : trailers)
    held_trailer_text_.append(field.name).append(field.value);
  std::string_view rest = held_trailer_text_;
  const auto take = [&](std::size_t size) {
    const auto part = rest.substr(0, size);
    rest.remove_prefix(size);
    return part;
  };
  for (const http1::Field& field : trailers) {
    const auto name = take(field.name.size());
    held_trailers_.push_back({name, take(field.value.size())});
  }
}

void Exchange::take_held(Content& content) {
  const std::string_view piece = std::string_view(held_).substr(held_sent_, held_piece);
  content.add(piece);
  held_sent_ += piece.size();
  request_done_ = held_whole_ && !holds();
}

void Exchange::forget_held() {
  if (held_.capacity() > kept_memory) held_ = {};
  held_.clear();
  held_sent_ = 0;
  held_whole_ = false;
  held_trailer_text_.clear();
  held_trailers_.clear();
}

}  // namespace callgate::proxy
