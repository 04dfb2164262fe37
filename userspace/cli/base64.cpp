#include "cli/base64.hpp"

#include <openssl/evp.h>

namespace callgate::cli {

std::string to_base64(std::string_view bytes) {
  // EVP_EncodeBlock takes an int and writes an end of text; three bytes become four characters.
  constexpr std::size_t at_once = 3U << 20U;
  std::string result;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, at_once);
    bytes.remove_prefix(piece.size());
    const auto end = result.size();
    result.resize(end + (piece.size() + 2) / 3 * 4 + 1);
    const int written =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(result.data() + end),
                        reinterpret_cast<const unsigned char*>(piece.data()), static_cast<int>(piece.size()));
    result.resize(end + static_cast<std::size_t>(written));
  }
  return result;
}

}  // namespace callgate::cli
