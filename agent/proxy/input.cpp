#include "proxy/input.hpp"

namespace callgate::proxy {

IoResult Input::receive(Stream& stream, std::span<std::uint8_t> shared) {
  if (in_shared_) keep();
  const IoResult result = stream.read(shared);
  if (result.status != IoStatus::ok) return result;
  const std::string_view received = as_text(Bytes(shared.data(), result.size));
  if (view_.empty()) {
    view_ = received;
    in_shared_ = true;
  } else {
    kept_.erase(0, kept_.size() - view_.size());
    kept_.append(received);
    view_ = kept_;
  }
  return result;
}

void Input::keep() {
  if (in_shared_) {
    in_shared_ = false;
    if (!view_.empty()) {
      kept_.assign(view_);
      view_ = kept_;
      return;
    }
  }
  if (view_.empty() && kept_.capacity() > sizeof(std::string)) std::string().swap(kept_);
  if (view_.empty()) view_ = {};
}

void Input::clear() {
  view_ = {};
  in_shared_ = false;
  std::string().swap(kept_);
}

void Input::assign(std::string_view bytes) {
  std::string copy(bytes);
  kept_.swap(copy);
  view_ = kept_;
  in_shared_ = false;
}

}  // namespace callgate::proxy
