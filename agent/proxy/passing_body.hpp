// A bounded copy of a body that goes on while it is looked at, for a decision that is only recorded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "policy/engine.hpp"

namespace callgate::proxy {

class PassingBody {
 public:
  // Somebody will want to know it, up to `most` bytes.
  void begin(std::size_t most) {
    wanted_ = true;
    most_ = most;
  }
  [[nodiscard]] bool wanted() const { return wanted_; }
  void add(std::string_view piece) {
    too_large_ = too_large_ || piece.size() > most_ - bytes_.size();
    if (!too_large_) bytes_.append(piece);
  }
  // Whether nothing that may come changes body() any more.
  [[nodiscard]] bool decidable(bool complete) const { return wanted_ && (complete || too_large_); }
  // As enforcement, which would have waited for it, would see it.
  [[nodiscard]] policy::Body body() const {
    if (too_large_) return {policy::Body::State::too_large, {}};
    return {policy::Body::State::complete, bytes_};
  }
  void clear() { *this = PassingBody(); }

 private:
  std::string bytes_;
  std::size_t most_ = 0;
  bool wanted_ = false;
  bool too_large_ = false;
};

}  // namespace callgate::proxy
