// The bytes of a call, in both directions: never read from one side what the other cannot take.
#include <algorithm>

#include <fmt/format.h>

#include "protocol/http1/writer.hpp"
#include "proxy/exchange.hpp"

namespace callgate::proxy {
namespace {

// Interim answers (1xx) of one call: more than any use of them takes.
constexpr int most_interim_answers = 32;

std::string format_trailers(const std::vector<http1::Field>& trailers) {
  std::string text;
  for (const http1::Field& field : trailers)
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  return text;
}

}  // namespace

Exchange::Progress Exchange::relay() {
  budget_ = receives_per_step;
  if (!pump_request() || !pump_response()) return phase_ == Phase::ended ? result_ : step();
  return budget_ == 0 ? Progress::again : Progress::waiting;
}

bool Exchange::pump_request() {
  if (request_stopped_) return true;
  Stream& target = *upstream_->stream;
  if (target.blocked()) {
    const std::uint64_t before = target.bytes_written();
    request_stopped_ = !target.flush();
    if (target.bytes_written() != before) request_moved_ = context_.clock.now();
  }
  while (!request_stopped_ && !target.blocked() && !(request_done_ && request_sent_)) {
    if (!record_.has_room(std::max(session_->input().bytes().size(), held_.size() - held_sent_))) {
      (void)wait_for_ring();
      return true;
    }
    ring_since_ = 0;
    Content content(context_.content);
    if (!read_request(content)) return false;
    send_request(content.view());
    session_->input().keep();
    if (request_stopped_ || target.blocked() || request_done_) break;
    if (holds()) continue;
    if (!session_->client().readable() || budget_ == 0) break;
    if (!receive_request()) return false;
    if (ring_since_ != 0 || (session_->input().empty() && !session_->client().readable())) break;
  }
  return true;
}

bool Exchange::receive_request() {
  if (!record_.has_room(session_->input().bytes().size() + context_.recorder.piece_size())) {
    (void)wait_for_ring();
    return true;
  }
  --budget_;
  switch (session_->input().receive(session_->client(), context_.buffer()).status) {
    case IoStatus::ok:
      request_moved_ = context_.clock.now();
      return true;
    case IoStatus::want_read:
    case IoStatus::want_write:
      return true;
    case IoStatus::closed:
    case IoStatus::failed:
      break;
  }
  caller_gone();
  return false;
}

bool Exchange::read_request(Content& content) {
  Input& input = session_->input();
  if (holds()) take_held(content);
  while (!request_done_ && !holds()) {
    const http1::Step step = requests_.step(input.bytes());
    if (step.event == http1::Event::need_more) break;
    if (step.event == http1::Event::invalid) {
      const http1::Problem& problem = requests_.error();
      request_known_ = false;
      fail({problem.status, std::string(problem.code), std::string(problem.detail)},
           request_sent_ ? record::Outcome::failed : record::Outcome::refused);
      return false;
    }
    if (step.event == http1::Event::body) content.add(step.body);
    if (step.event == http1::Event::end) request_done_ = true;
    input.consume(step.consumed);
  }
  const std::string_view bytes = content.view();
  end_.request_body_size += bytes.size();
  body_seen_ = body_seen_ || !bytes.empty();
  if (passing_.wanted()) look_again(bytes);
  bool recorded = record_.payload(record::Direction::request, record::PayloadKind::body, bytes);
  if (request_done_ && recorded && !request_trailers().empty()) {
    recorded = record_.payload(record::Direction::request, record::PayloadKind::trailers,
                               format_trailers(request_trailers()));
  }
  if (auto failure = limits_.take(bytes.size(), context_.clock.now())) {
    fail(*failure, record::Outcome::denied);
    return false;
  }
  if (recorded) return true;
  fail({503, "recording_unavailable", "the request's body could not be recorded"}, record::Outcome::failed);
  return false;
}

void Exchange::send_request(std::string_view content) {
  std::string& text = context_.text;
  std::string_view first;
  std::string_view second = content;
  if (!request_sent_) first = request_out_;
  if (request_framing_ == http1::Framing::chunked) {
    text.assign(first);
    http1::append_chunk(text, content);
    if (request_done_) http1::append_last_chunk(text, request_trailers());
    first = text;
    second = {};
  }
  request_sent_ = true;
  if (first.empty() && second.empty()) return;
  request_moved_ = context_.clock.now();
  // A target that takes no more may still have said why.
  request_stopped_ = !upstream_->stream->send(first, second);
}

bool Exchange::pump_response() {
  Stream& caller = session_->client();
  if (!flush_client()) return false;
  Stream& target = *upstream_->stream;
  while (!caller.blocked() && target.readable()) {
    if (budget_ == 0) return true;
    if (!record_.has_room(answer_.bytes().size() + context_.recorder.piece_size())) {
      (void)wait_for_ring();
      return true;
    }
    ring_since_ = 0;
    --budget_;
    Content content(context_.content);
    bool complete = false;
    context_.text.clear();
    if (!receive_response(content, complete)) return false;
    if (context_.text.empty() && content.view().empty() && !complete) {
      answer_.keep();
      continue;
    }
    if (!send_response(content.view(), complete)) return false;
    answer_.keep();
  }
  return true;
}

bool Exchange::receive_response(Content& content, bool& complete) {
  Stream& target = *upstream_->stream;
  std::span<std::uint8_t> place = context_.buffer();
  if (answer_.empty()) {
    // Where nothing but content can come, it comes to where it is recorded. One more byte is asked for: what
    // nobody asked the target for must show, so that the connection is not used again.
    const std::uint64_t left = responses_.content_left();
    const auto size =
        left == 0 ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(place.size(), left + 1));
    if (const auto lent = record_.lend(size); !lent.empty()) place = lent;
  }
  const IoResult result = answer_.receive(target, place);
  switch (result.status) {
    case IoStatus::ok:
      answer_bytes_ += result.size;
      response_moved_ = context_.clock.now();
      if (end_.first_byte_at == 0) end_.first_byte_at = response_moved_;
      return read_response(content, complete);
    case IoStatus::want_read:
    case IoStatus::want_write:
      return true;
    case IoStatus::closed:
      if (responses_.close().event == http1::Event::end) {
        complete = true;
        return true;
      }
      upstream_failed({502, end_.first_byte_at == 0 ? "upstream_closed" : "upstream_truncated",
                       end_.first_byte_at == 0
                           ? "the target closed the connection without an answer"
                           : "the target closed the connection in the middle of its answer"});
      return false;
    case IoStatus::failed:
      break;
  }
  const Error& error = target.error();
  upstream_failed({502, error.code == "connection_reset" ? "upstream_reset" : error.code, error.message});
  return false;
}

bool Exchange::read_response(Content& content, bool& complete) {
  while (!complete) {
    const http1::Step step = responses_.step(answer_.bytes());
    switch (step.event) {
      case http1::Event::need_more:
        return true;
      case http1::Event::head:
        if (!begin_response()) return false;
        break;
      case http1::Event::body:
        content.add(step.body);
        break;
      case http1::Event::end:
        // That of an interim answer ends nothing.
        complete = end_.status != 0;
        break;
      case http1::Event::invalid: {
        const http1::Problem& problem = responses_.error();
        upstream_failed(
            {502, "bad_response",
             fmt::format("the target's answer is not valid HTTP ({}): {}", problem.code, problem.detail)});
        return false;
      }
    }
    answer_.consume(step.consumed);
  }
  return true;
}

bool Exchange::begin_response() {
  const http1::ResponseHead& head = responses_.head();
  if (head.upgrade) return accept_upgrade(head);
  if (head.interim()) {
    if (++interim_answers_ > most_interim_answers) {
      upstream_failed({502, "bad_response", "the target sends interim answers without end"});
      return false;
    }
    if (client_minor_ > 0) http1::append_response_head(context_.text, head, client_minor_, false);
    return true;
  }
  end_.status = head.status;
  const bool chunked = head.framing == http1::Framing::chunked || head.framing == http1::Framing::until_close;
  response_chunked_ = client_minor_ > 0 && chunked;
  response_keep_ = head.keep_alive && head.framing != http1::Framing::until_close;
  announced_close_ =
      !keep_alive_ || !request_done_ || context_.draining || http1::body_ends_connection(head, client_minor_);
  http1::append_response_head(context_.text, head, client_minor_, announced_close_);
  return true;
}

bool Exchange::send_response(std::string_view content, bool complete) {
  std::string& text = context_.text;
  if (auto failure = limits_.take(content.size(), context_.clock.now())) {
    fail(*failure, record::Outcome::denied);
    return false;
  }
  end_.response_body_size += content.size();
  bool recorded = record_.payload(record::Direction::response, record::PayloadKind::head, text) &&
                  record_.payload(record::Direction::response, record::PayloadKind::body, content);
  std::string_view second = content;
  if (response_chunked_) {
    http1::append_chunk(text, content);
    second = {};
  }
  if (complete && !upgrading_) {
    if (!responses_.trailers().empty()) {
      recorded = recorded && record_.payload(record::Direction::response, record::PayloadKind::trailers,
                                             format_trailers(responses_.trailers()));
    }
    if (response_chunked_) http1::append_last_chunk(text, responses_.trailers());
    recorded = recorded && close_record(record::Outcome::completed, {}, {});
  }
  if (!recorded) {
    abort(record::Outcome::failed, "recording_unavailable", "the answer could not be recorded");
    return false;
  }
  response_begun_ = response_begun_ || end_.status != 0;
  if (!session_->client().blocked()) flushed_ = context_.clock.now();
  if (!session_->client().send(text, second)) {
    caller_gone();
    return false;
  }
  if (!complete) return true;
  if (upgrading_) return begin_upgrade();
  expected_ = !response_keep_;  // a reader that was told of a connection's end is of no more use
  release_upstream();
  end(announced_close_ || !request_done_ ? Progress::close : Progress::keep);
  return false;
}

}  // namespace callgate::proxy
