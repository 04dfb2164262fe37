#include "tlog/base64.hpp"

#include <algorithm>
#include <climits>

#include <openssl/evp.h>

namespace callgate::tlog {

std::string to_base64(Bytes bytes) {
  // OpenSSL writes a zero at the end.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                    static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  const auto bad = [] { return make_error("bad_base64", "the text is no base64 (RFC 4648, section 4)"); };
  if (text.size() % 4 != 0 || text.size() > INT_MAX / 2) return bad();
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return bad();
  const auto padding = static_cast<std::size_t>(
      std::count(text.end() - std::min<std::ptrdiff_t>(2, std::ssize(text)), text.end(), '='));
  if (static_cast<std::size_t>(size) < padding) return bad();
  bytes.resize(static_cast<std::size_t>(size) - padding);
  // OpenSSL overlooks spaces around the text and stray bits at its end.
  if (to_base64(as_bytes(bytes)) != text) return bad();
  return bytes;
}

}  // namespace callgate::tlog
