#include "payload/piece_list.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "payload/format.hpp"

namespace callgate::payload {
namespace {

std::string content_of(PieceListBuilder& builder) {
  std::string content;
  for (const Bytes part : builder.parts())
    content += as_text(part);
  CHECK(content.size() == builder.size());
  return content;
}

TEST_CASE("Pieces come out as they went in") {
  const std::string large(10'000, 'x');
  const std::vector<std::pair<Piece, std::string>> pieces{
      {{Direction::request, Kind::salts, 1'800'000'000'000'000'000U, 0}, std::string(32, '\x80')},
      {{Direction::request, Kind::head, 1'800'000'000'000'000'000U, 0}, "GET /"},
      {{Direction::request, Kind::body, 1'800'000'000'000'000'010U, 0}, large},
      {{Direction::response, Kind::head, 1'700'000'000'000'000'000U, 77}, "a clock that was set back"},
      {{Direction::request, Kind::body, 0, 10'000}, "where it was expected"},
      {{Direction::request, Kind::body, ~std::uint64_t{0}, 5}, "and where not"},
      {{Direction::response, Kind::trailers, 1, ~std::uint64_t{0}}, "at the last offset"},
      {{Direction::response, Kind::stream, 1, 0}, ""},
  };
  PieceListBuilder builder;
  for (int round = 0; round < 2; ++round) {  // the second time in a builder that was cleared
    for (const auto& [piece, bytes] : pieces)
      REQUIRE(builder.add(piece, as_bytes(bytes)) == bytes.size());
    const std::string content = content_of(builder);
    PieceListReader reader(as_bytes(content));
    for (const auto& [piece, bytes] : pieces) {
      const auto view = reader.next();
      REQUIRE(view.has_value());
      CHECK(view->piece.direction == piece.direction);
      CHECK(view->piece.kind == piece.kind);
      CHECK(view->piece.time_ns == piece.time_ns);
      CHECK(view->piece.offset == piece.offset);
      CHECK(as_text(view->bytes) == bytes);
    }
    CHECK(reader.at_end());
    CHECK(reader.next().error().code == "bad_pieces");
    builder.clear();
    CHECK(builder.size() == 0);
  }
}

TEST_CASE("A block takes no more than it has room for") {
  const std::string bytes(block_size, 'x');
  PieceListBuilder builder;
  CHECK(builder.add({}, as_bytes("before")) == 6);
  CHECK(!builder.full());
  const std::size_t taken = builder.add({}, as_bytes(bytes));
  CHECK(taken < bytes.size());
  CHECK(builder.full());
  CHECK(builder.size() <= largest_plain);
}

TEST_CASE("Many small pieces fill a block, and do not overflow it") {
  PieceListBuilder builder;
  while (!builder.full())
    REQUIRE(builder.add({Direction::response, Kind::stream, ~std::uint64_t{0}, ~std::uint64_t{0}},
                        as_bytes("1")) == 1);
  CHECK(builder.size() <= largest_plain);
}

TEST_CASE("A list that is cut anywhere but between pieces does not parse") {
  PieceListBuilder builder;
  (void)builder.add({Direction::request, Kind::head, 1'000'000, 300}, as_bytes("first piece"));
  const std::size_t first = builder.size();
  (void)builder.add({Direction::response, Kind::body, 5, 1U << 30U}, as_bytes("second piece"));
  const std::string content = content_of(builder);
  for (std::size_t size = 0; size <= content.size(); ++size) {
    PieceListReader reader(as_bytes(content).first(size));
    bool sound = true;
    while (sound && !reader.at_end())
      sound = reader.next().has_value();
    CHECK(sound == (size == 0 || size == first || size == content.size()));
  }
}

TEST_CASE("What no builder makes is no list of pieces") {
  const auto code = [](std::string_view content) -> std::string {
    PieceListReader reader(as_bytes(content));
    const auto view = reader.next();
    return view ? "" : view.error().code;
  };
  using namespace std::string_view_literals;
  CHECK(code("\0\0\1x"sv).empty());  // the control
  CHECK(code("\5\0\1x"sv) == "bad_pieces");
  CHECK(code("\x20\0\1x"sv) == "bad_pieces");
  CHECK(code("\0\0\2x"sv) == "bad_pieces");
  CHECK(code("\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1x"sv) == "bad_pieces");
  CHECK(code("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\2\1x"sv) == "bad_pieces");
  CHECK(code("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\1x"sv) == "bad_pieces");
}

}  // namespace
}  // namespace callgate::payload
