#include "protocol/tls/version.hpp"

#include <string_view>

namespace callgate::tls {

std::string version_name(std::uint16_t version) {
  switch (version) {
    case 0x0300:
      return "SSLv3";
    case 0x0301:
      return "TLSv1";
    case 0x0302:
      return "TLSv1.1";
    case version_1_2:
      return "TLSv1.2";
    case version_1_3:
      return "TLSv1.3";
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = "0x";
  for (int shift = 12; shift >= 0; shift -= 4)
    name += digits[(version >> static_cast<unsigned>(shift)) & 0xfU];
  return name;
}

}  // namespace callgate::tls
