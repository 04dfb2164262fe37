#include "protocol/tls/alert.hpp"

#include <array>

namespace callgate::tls {

std::string alert_record(Alert alert) {
  constexpr std::array<char, 6> begin = {21, 3, 3, 0, 2, 2};  // fatal
  std::string record(begin.begin(), begin.end());
  record += static_cast<char>(alert);
  return record;
}

}  // namespace callgate::tls
