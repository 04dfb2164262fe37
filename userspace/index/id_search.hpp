// Sessions by the digits of an id.
#pragma once

#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "index/search.hpp"

namespace callgate::index {

// The digits of an id that are known: its start or its end.
class IdPattern {
 public:
  // The known bits of one half of an id: its first ones or its last ones.
  struct Half {
    std::uint64_t mask = 0;
    std::uint64_t bits = 0;
    [[nodiscard]] bool matches(std::uint64_t value) const { return (value & mask) == bits; }
    [[nodiscard]] bool may_match(const Range& range) const;
  };

  // Of 1 to 32 lower-case digits.
  [[nodiscard]] static IdPattern prefix(std::string_view digits);
  [[nodiscard]] static IdPattern suffix(std::string_view digits);

  [[nodiscard]] const Half& high() const { return high_; }  // generation and thread
  [[nodiscard]] const Half& low() const { return low_; }    // counter
  [[nodiscard]] bool matches(const Id& id) const;
  // False: no session or call of the block matches.
  [[nodiscard]] bool may_match(const Summary& summary) const;

 private:
  IdPattern(std::string_view mask, std::string_view bits);

  Half high_;
  Half low_;
};

// The patterns of what a person typed. Error bad_id.
[[nodiscard]] Result<std::vector<IdPattern>> id_patterns(std::string_view digits);

// The session that matches, or one of whose calls does. `blocks` newest first. Errors: not_found, ambiguous,
// those of EpochFile.
[[nodiscard]] Result<Id> find(const Blocks& blocks, const std::vector<IdPattern>& patterns,
                              std::string_view digits);

}  // namespace callgate::index
