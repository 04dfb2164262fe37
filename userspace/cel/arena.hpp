// Memory of one evaluation: given out piece by piece, taken back as a whole, never more than a limit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace callgate::cel {

// One thread. Can be used for one evaluation after the other, and then keeps its first block, so that most
// evaluations ask the heap for nothing.
class Arena {
 public:
  explicit Arena(std::size_t limit = std::size_t{4} << 20U) : limit_(limit) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Null where the limit does not allow it.
  [[nodiscard]] void* allocate(std::size_t size) {
    size = size == 0 ? 16 : (size + 15U) & ~std::size_t{15};
    if (size > left_) return grow(size);
    void* const given = next_;
    next_ += size;
    left_ -= size;
    return given;
  }
  // An object that nobody destroys.
  template <typename T, typename... Arguments>
  [[nodiscard]] T* make(Arguments&&... arguments) {
    static_assert(std::is_trivially_destructible_v<T>);
    void* const memory = allocate(sizeof(T));
    return memory == nullptr ? nullptr : new (memory) T(std::forward<Arguments>(arguments)...);
  }
  template <typename T>
  [[nodiscard]] T* make_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count > limit_ / sizeof(T)) return nullptr;
    auto* const memory = static_cast<T*>(allocate(count * sizeof(T)));
    if (memory != nullptr) std::uninitialized_value_construct_n(memory, count);
    return memory;
  }
  // False where the limit does not allow it.
  [[nodiscard]] bool copy(std::string_view text, std::string_view& copied) {
    auto* const memory = static_cast<char*>(allocate(text.size()));
    if (memory == nullptr) return false;
    if (!text.empty()) std::memcpy(memory, text.data(), text.size());
    copied = {memory, text.size()};
    return true;
  }
  // Everything that was given out ends: for the host to call between evaluations.
  void clear() {
    if (blocks_.size() > 1) blocks_.resize(1);
    next_ = blocks_.empty() ? nullptr : blocks_.front().get();
    left_ = blocks_.empty() ? 0 : block_size();
    used_ = left_;
  }

 private:
  [[nodiscard]] std::size_t block_size() const {
    constexpr std::size_t usual = 16U << 10U;
    return std::min(usual, limit_ & ~std::size_t{15});
  }

  void* grow(std::size_t size) {
    const std::size_t wanted = std::max(size, block_size());
    if (wanted > limit_ || used_ > limit_ - wanted) return nullptr;
    if (!blocks_.empty() && wanted > block_size()) {
      // Of its own, so that what is left of the present block stays in use.
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(wanted));
      used_ += wanted;
      return blocks_.back().get();
    }
    const std::size_t made = blocks_.empty() ? block_size() : wanted;
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(made));
    used_ += made;
    next_ = blocks_.back().get();
    left_ = made;
    return allocate(size);
  }

  std::size_t limit_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace callgate::cel
