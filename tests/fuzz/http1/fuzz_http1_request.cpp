// Requests: the same events however the bytes arrive, and what was accepted goes on as the request that was
// read.
#include <vector>

#include "properties.hpp"
#include "protocol/http1/writer.hpp"

namespace callgate::http1 {
namespace {

// What must survive the way through the gateway.
struct Meaning {
  std::string method, path, query, authority, host;
  int port = -1;
  bool has_query = false;
  Framing framing = Framing::none;
  std::uint64_t length = 0;

  bool operator==(const Meaning&) const = default;
};

Meaning meaning_of(const RequestHead& head) {
  return {std::string(head.method), std::string(head.path),
          std::string(head.query),  std::string(head.authority),
          std::string(head.host),   head.port,
          head.has_query,           head.framing,
          head.content_length};
}

void check_rewritten(const RequestHead& head) {
  std::string written;
  append_request_head(written, head);
  require_clean_head(written, false);
  require(written.find("\r\nHost: ") == written.find("\r\n"));

  // The writer may add a Host field to a head that was at the limits.
  Limits limits;
  limits.head_bytes = written.size();
  limits.field_count = head.fields.size() + 2;
  RequestReader reader(limits);
  const Step step = reader.step(written);
  require(step.event == Event::head && step.consumed == written.size());
  require(reader.head().minor_version == 1 && reader.head().keep_alive && !reader.head().upgrade);
  require(meaning_of(reader.head()) == meaning_of(head));
  std::string again;
  append_request_head(again, reader.head());
  require(again == written);
}

void check(std::string_view input) {
  Choices choices(input);
  const Limits limits = choices.limits();
  const std::string whole = transcribe_requests(input, {}, limits);
  require(transcribe_requests(input, choices.cuts(input.size()), limits) == whole);
  if (input.size() <= 2048) require(transcribe_requests(input, every_byte(input), limits) == whole);

  RequestReader reader(limits);
  for (;;) {
    const Step step = reader.step(input);
    if (step.event == Event::need_more || step.event == Event::invalid) return;
    if (step.event == Event::head) check_rewritten(reader.head());
    input.remove_prefix(step.consumed);
  }
}

}  // namespace
}  // namespace callgate::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  callgate::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
