// Bytes that were received and not yet consumed, kept contiguous for a reader.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/stream.hpp"

namespace callgate::proxy {

// Receives into a buffer that all connections of a thread share; only what remains unconsumed when the thread
// turns to another connection is copied to memory of the connection's own, so an idle connection owns none.
class Input {
 public:
  [[nodiscard]] std::string_view bytes() const { return view_; }
  [[nodiscard]] bool empty() const { return view_.empty(); }
  void consume(std::size_t size) { view_.remove_prefix(size); }

  // Receives once. `shared` must not hold bytes of another Input that have not been kept.
  [[nodiscard]] IoResult receive(Stream& stream, std::span<std::uint8_t> shared);
  // To be called before `shared` is used for anything else.
  void keep();
  void clear();
  // Takes over bytes that somebody else received.
  void assign(std::string_view bytes);

 private:
  std::string kept_;
  std::string_view view_;  // into kept_ or into the shared buffer
  bool in_shared_ = false;
};

}  // namespace callgate::proxy
