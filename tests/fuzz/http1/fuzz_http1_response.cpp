// Responses: the same events however the bytes arrive, and what was accepted goes on as the response that was
// read.
#include <vector>

#include "properties.hpp"
#include "protocol/http1/writer.hpp"

namespace callgate::http1 {
namespace {

void check_rewritten(const ResponseHead& head, const std::string& method, int client_minor, bool close) {
  std::string written;
  append_response_head(written, head, client_minor, close);
  require_clean_head(written, true);

  // The writer may add a framing and a Connection field to a head that was at the limits.
  Limits limits;
  limits.head_bytes = written.size();
  limits.field_count = head.fields.size() + 2;
  ResponseReader reader(limits);
  reader.expect(method);
  const Step step = reader.step(written);
  require(step.event == Event::head && step.consumed == written.size());
  const ResponseHead& read = reader.head();
  require(read.minor_version == 1 && read.status == head.status && read.reason == head.reason);
  const bool unknown_length = head.framing == Framing::chunked || head.framing == Framing::until_close;
  const Framing framing = !unknown_length     ? head.framing
                          : client_minor == 0 ? Framing::until_close
                                              : Framing::chunked;
  require(read.framing == framing && read.content_length == head.content_length);
  require(body_ends_connection(head, client_minor) == (framing == Framing::until_close));
  if (!head.interim() && (close || framing == Framing::until_close)) require(!read.keep_alive);
}

void check(std::string_view input) {
  Choices choices(input);
  const Limits limits = choices.limits();
  const std::vector<std::string> methods = {choices.below(4) == 0 ? "HEAD" : "GET", "GET",
                                            choices.below(4) == 0 ? "CONNECT" : "POST"};
  const bool closed = choices.below(2) == 0;
  const std::string whole = transcribe_responses(input, methods, closed, {}, limits);
  require(transcribe_responses(input, methods, closed, choices.cuts(input.size()), limits) == whole);
  if (input.size() <= 2048)
    require(transcribe_responses(input, methods, closed, every_byte(input), limits) == whole);

  const int client_minor = static_cast<int>(choices.below(2));
  const bool close = choices.below(2) == 0;
  ResponseReader reader(limits);
  std::size_t answered = 0;
  for (const std::string& method : methods)
    reader.expect(method);
  for (;;) {
    const Step step = reader.step(input);
    if (step.event == Event::need_more || step.event == Event::invalid) return;
    if (step.event == Event::head) check_rewritten(reader.head(), methods.at(answered), client_minor, close);
    if (step.event == Event::end && !reader.head().interim()) ++answered;
    input.remove_prefix(step.consumed);
  }
}

}  // namespace
}  // namespace callgate::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  callgate::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
