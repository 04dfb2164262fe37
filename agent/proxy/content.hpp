// The content that one step handled: one view where it lay together, else collected.
#pragma once

#include <string>
#include <string_view>

namespace callgate::proxy {

// Valid as long as the views that were added, and until `storage` is used again.
class Content {
 public:
  explicit Content(std::string& storage) : storage_(storage) {}

  void add(std::string_view piece) {
    if (view_.empty()) {
      view_ = piece;
    } else if (!collected_ && view_.data() + view_.size() == piece.data()) {
      view_ = {view_.data(), view_.size() + piece.size()};
    } else {
      if (!collected_) storage_.assign(view_);
      collected_ = true;
      storage_.append(piece);
      view_ = storage_;
    }
  }
  [[nodiscard]] std::string_view view() const { return view_; }

 private:
  std::string& storage_;
  std::string_view view_;
  bool collected_ = false;
};

}  // namespace callgate::proxy
