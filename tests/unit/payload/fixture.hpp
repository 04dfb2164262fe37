// A store of payload in a directory of its own.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "../record/temporary.hpp"
#include "base/file.hpp"
#include "payload/files.hpp"
#include "payload/key_ring.hpp"
#include "payload/reader.hpp"
#include "payload/writer.hpp"

namespace callgate::payload {

inline KeyRing ring_of(const std::string& text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=") {
  return KeyRing::parse(text, "the test's key").value();
}

inline Stream stream_of(std::uint64_t session, std::uint64_t call, RetentionClass retention = 0) {
  Stream stream;
  stream.session = {1, 0, session};
  stream.call = {1, 0, call};
  stream.retention = retention;
  return stream;
}

// Text that compresses like JSON.
inline std::string json(std::size_t size) {
  std::string text;
  for (std::size_t at = 0; text.size() < size; ++at)
    text += R"({"order":)" + std::to_string(at * 7919 % 100'000) + R"(,"state":"open","items":[1,2,3]},)";
  text.resize(size);
  return text;
}

// Bytes that do not compress.
inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
  std::string bytes;
  bytes.reserve(size + 8);
  while (bytes.size() < size) {
    seed ^= seed << 13U;
    seed ^= seed >> 7U;
    seed ^= seed << 17U;
    bytes.append(reinterpret_cast<const char*>(&seed), sizeof(seed));
  }
  bytes.resize(size);
  return bytes;
}

inline Query query_of(const Stream& stream) {
  Query query;
  query.call = stream.call;
  query.last = stream.last;
  return query;
}

inline constexpr Piece request_head{Direction::request, Kind::head, 1'000, 0};
inline constexpr Piece request_body{Direction::request, Kind::body, 2'000, 0};
inline constexpr Piece response_head{Direction::response, Kind::head, 3'000, 0};
inline constexpr Piece response_body{Direction::response, Kind::body, 4'000, 0};

struct Store {
  explicit Store(std::string path, WriterOptions options = {}, KeyRing ring = ring_of())
      : keys(std::move(ring)),
        files(Files::open(std::move(path)).value()),
        writer(Writer::open(*files, keys, options).value()) {}

  // A whole call.
  void add_call(Stream& stream, const std::string& request, const std::string& response) const {
    writer->add(stream, request_head, as_bytes("POST / HTTP/1.1\r\n\r\n"));
    writer->add(stream, request_body, as_bytes(request));
    writer->add(stream, response_head, as_bytes("HTTP/1.1 200 OK\r\n\r\n"));
    writer->add(stream, response_body, as_bytes(response));
    writer->seal(stream);
  }
  [[nodiscard]] Result<std::string> read(const Query& query) const {
    std::string bytes;
    const auto visited = visit(*files, keys, query, [&](const PieceView& view) {
      bytes += as_text(view.bytes);
      return true;
    });
    if (!visited) return visited.error();
    return bytes;
  }
  [[nodiscard]] Result<std::string> read(const Stream& stream, Direction direction, Kind kind) const {
    Query query = query_of(stream);
    query.direction = direction;
    query.kind = kind;
    return read(query);
  }
  [[nodiscard]] std::string only_file() const {
    const auto all = files->list().value();
    REQUIRE(all.size() == 1);
    std::string path;
    REQUIRE(files->open_file(all[0].number, path).has_value());
    return path;
  }

  KeyRing keys;
  std::unique_ptr<Files> files;
  std::unique_ptr<Writer> writer;
};

}  // namespace callgate::payload
