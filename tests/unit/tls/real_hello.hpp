// The first bytes of a real TLS client.
#pragma once

#include <functional>
#include <string>

#include <openssl/ssl.h>

namespace callgate::test {

// What a real library sends; `setup` changes the client before its first message.
inline std::string real_hello(const std::function<void(SSL*)>& setup) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const ssl = SSL_new(context);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  setup(ssl);
  SSL_connect(ssl);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string bytes(data, static_cast<std::size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return bytes;
}

}  // namespace callgate::test
