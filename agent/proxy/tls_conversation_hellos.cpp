// The hellos of a caller that speaks TLS itself, and of its target: one of each, or two where the target asks
// for another (HelloRetryRequest, RFC 8446 section 4.1.4). What the caller sends behind one waits for its
// answer.
#include "proxy/tls_conversation.hpp"

namespace callgate::proxy {

void TlsConversation::read_hello() {
  session_.set_deadline(since_ + context_.settings.head_timeout);
  if (auto hello = receive_hello()) {
    hello_ = std::move(*hello);
    decide();
  }
}

std::optional<tls::ClientHello> TlsConversation::receive_hello() {
  Input& input = session_.input();
  for (;;) {
    auto read = client_hello_.feed(input.bytes().substr(client_hello_.size()));
    if (read.problem) {
      refuse({400, std::string(read.problem->code), std::string(read.problem->detail)}, read.problem->alert);
    }
    if (read.problem || read.hello) return std::move(read.hello);
    if (!session_.client().readable()) return {};
    const IoResult result = input.receive(session_.client(), context_.buffer());
    if (result.status == IoStatus::want_read) return {};
    if (result.status != IoStatus::ok) {
      end({record::Outcome::caller_aborted, "client_hello_truncated",
           "the caller closed in the middle of its ClientHello", false});
      return {};
    }
  }
}

void TlsConversation::send_hello() {
  phase_ = Phase::answering;
  since_ = context_.clock.now();
  Input& input = session_.input();
  const std::string_view hello = input.bytes().substr(0, client_hello_.size());
  call_.facts().request_body_size += hello.size();
  const bool sent = upstream_->stream->send(hello);
  // What the caller sent behind it waits, and not where the answer is received.
  input.consume(hello.size());
  input.keep();
  if (sent) {
    answer();
  } else {
    refuse({502, "upstream_reset", upstream_->stream->error().message}, tls::Alert::handshake_failure,
           record::Outcome::failed);
  }
}

void TlsConversation::answer() {
  session_.set_deadline(since_ + context_.settings.connect_timeout);
  Stream& target = *upstream_->stream;
  if (session_.client().broken()) {
    caller_reset();
    return;
  }
  bool sound = target.flush();
  while (sound) {
    const auto read = server_hello_.feed(answer_.bytes().substr(server_hello_.size()));
    if (read.problem) {
      refuse({502, std::string(read.problem->code), std::string(read.problem->detail)}, read.problem->alert,
             record::Outcome::failed);
      return;
    }
    if (read.hello) {
      if (read.hello->retry) {
        pass_retry(*read.hello);
        return;
      }
      version_ = read.hello->version;
      phase_ = Phase::chosen;
      record_version();
      return;
    }
    if (!target.readable()) {
      answer_.keep();
      return;
    }
    const IoResult result = answer_.receive(target, context_.buffer());
    if (result.status == IoStatus::want_read) continue;
    if (result.status == IoStatus::ok && call_.facts().first_byte_at == 0) {
      call_.facts().first_byte_at = context_.clock.now();
    }
    sound = result.status == IoStatus::ok;
  }
  target_closed();
}

void TlsConversation::pass_retry(const tls::ServerHello& request) {
  const std::string_view bytes = answer_.bytes().substr(0, server_hello_.size());
  call_.facts().response_body_size += bytes.size();
  const bool sent = session_.client().send(bytes);
  answer_.consume(bytes.size());
  answer_.keep();
  if (!sent) {
    caller_reset();
    return;
  }
  server_hello_ = tls::ServerHelloReader(request);
  client_hello_ = tls::ClientHelloReader(hello_);
  phase_ = Phase::retrying;
  since_ = context_.clock.now();
  retry();
}

void TlsConversation::retry() {
  session_.set_deadline(since_ + context_.settings.head_timeout);
  if (session_.client().broken() || !session_.client().flush()) {
    caller_reset();
  } else if (!upstream_->stream->flush()) {
    target_closed();
  } else if (receive_hello()) {
    send_hello();
  }
}

void TlsConversation::caller_reset() {
  end({record::Outcome::caller_aborted, "caller_closed", "the caller reset the connection", true});
}

void TlsConversation::target_closed() {
  end({record::Outcome::failed, "upstream_closed", "the target closed the connection before its ServerHello",
       true});
}

}  // namespace callgate::proxy
