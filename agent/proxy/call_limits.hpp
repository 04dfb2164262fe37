// What a call uses of the limits that its policies put on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/container/small_vector.hpp>

#include "limit/limit_table.hpp"
#include "policy/engine.hpp"
#include "proxy/failure.hpp"
#include "proxy/settings.hpp"

namespace callgate::proxy {

// For one call after the other. One thread; `table` may be shared.
class CallLimits {
 public:
  explicit CallLimits(limit::LimitTable& table) : table_(table) {}

  // Counts the call under every limit of the decision, or under none: then the failure says which one and how
  // long to wait. `decision` lives as long as the call.
  [[nodiscard]] std::optional<Failure> begin(const policy::Decision& decision, const policy::Caller& caller,
                                             std::string_view function, std::string_view target,
                                             Nanoseconds now);
  // Counts bytes of the call; a failure where a limit has no room for them.
  [[nodiscard]] std::optional<Failure> take(std::uint64_t bytes, Nanoseconds now);
  // The call was not made after all.
  void give_back(Nanoseconds now);
  void clear() { charged_.clear(); }

 private:
  struct Charged {
    const policy::LimitInForce* limit = nullptr;
    limit::LimitKey calls;
    limit::LimitKey bytes;
    bool call_counted = false;
  };

  limit::LimitTable& table_;
  boost::container::small_vector<Charged, 2> charged_;
};

}  // namespace callgate::proxy
