// Arbitrary packets of the channel: the first byte says how many descriptors came along. What is accepted has
// exactly the descriptors that its kind demands, and limits that make sense or are refused.
#include <cstdlib>

#include "proxy/channel_message.hpp"
#include "proxy/settings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace callgate;
  if (size == 0) return 0;
  const auto message = proxy::parse_channel_message(Bytes(data + 1, size - 1), data[0]);
  if (!message) return 0;
  if (data[0] > proxy::most_descriptors) std::abort();
  if (message->has_upstream_sockets() && message->upstream_sockets().count() != data[0]) std::abort();
  if (message->has_start()) {
    const auto settings = proxy::make_settings(message->start().limits());
    if (settings && (settings->head_timeout == 0 || settings->request.head_bytes == 0)) std::abort();
  }
  return 0;
}
