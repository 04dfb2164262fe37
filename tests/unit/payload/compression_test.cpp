#include "payload/compression.hpp"

#include <openssl/sha.h>

#include "fixture.hpp"
#include "payload/dictionary.hpp"

namespace callgate::payload {
namespace {

TEST_CASE("The dictionary that blocks in files were written with is the same for ever") {
  const std::string bytes = make_dictionary();
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(as_bytes(bytes).data(), bytes.size(), digest);
  CHECK(to_hex(digest) == "7c73c7720278a135106b71850d68e0a10a59bd720d6bd1d9ea0e301efb3b9027");
}

struct Tried {
  Codec codec;
  std::size_t size;
};

// Compresses `text` in two parts, and checks that it comes back and nothing like it comes for something else.
Tried try_out(const std::string& text, std::size_t split) {
  Compressor compressor;
  const std::vector<Bytes> parts{as_bytes(text).first(split), as_bytes(text).subspan(split)};
  const auto content = compressor.compress(parts, text.size());
  if (content.codec == Codec::raw) return {Codec::raw, text.size()};
  Decompressor decompressor;
  std::vector<std::uint8_t> plain(text.size());
  REQUIRE(decompressor.decompress(content.codec, content.bytes, plain).has_value());
  CHECK(as_text(plain) == text);
  plain.resize(text.size() - 1);
  CHECK(decompressor.decompress(content.codec, content.bytes, plain).error().code == "payload_damaged");
  plain.resize(text.size() + 1);
  CHECK(decompressor.decompress(content.codec, content.bytes, plain).error().code == "payload_damaged");
  return {content.codec, content.bytes.size()};
}

TEST_CASE("Text is compressed, and what does not shrink is not") {
  const std::string head = "GET /v1/orders HTTP/1.1\r\nHost: orders.internal:8080\r\nAccept: */*\r\n\r\n";
  const Tried small = try_out(head, 5);
  CHECK(small.codec == Codec::zstd_words);
  CHECK(small.size < head.size() * 2 / 3);
  const Tried large = try_out(json(100'000), 70'000);
  CHECK(large.codec == Codec::zstd);
  CHECK(large.size < 50'000);
  CHECK(try_out(noise(500), 0).codec == Codec::raw);
  CHECK(try_out(noise(100'000), 100'000).codec == Codec::raw);
  CHECK(try_out("x", 1).codec == Codec::raw);
  CHECK(try_out("", 0).codec == Codec::raw);
}

TEST_CASE("A body that does not compress is told by its middle, whatever head it has") {
  CHECK(try_out(json(4'000) + noise(300'000), 4'000).codec == Codec::raw);
  CHECK(try_out(noise(4'000) + json(300'000), 4'000).codec == Codec::zstd);
}

}  // namespace
}  // namespace callgate::payload
