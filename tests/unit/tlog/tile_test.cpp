#include "tlog/tile.hpp"

#include <catch2/catch.hpp>

#include "tlog/entry_bundle.hpp"

using namespace callgate;
using namespace callgate::tlog;

TEST_CASE("paths of tiles are those of the specification") {
  CHECK(Tile{0, 0, 256}.path() == "tile/0/000");

  CHECK(Tile{1, 999, 256}.path() == "tile/1/999");

  CHECK(Tile{0, 1000, 256}.path() == "tile/0/x001/000");

  CHECK(Tile{2, 1234067, 256}.path() == "tile/2/x001/x234/067");

  CHECK(Tile{Tile::entries, 273, 112}.path() == "tile/entries/273.p/112");
}

TEST_CASE("a log of 70,000 entries has the tiles that the specification gives as an example") {
  CHECK(unfinished_tile(0, 70'000) == Tile{0, 273, 112});

  CHECK(unfinished_tile(1, 70'000) == Tile{1, 1, 17});

  CHECK(unfinished_tile(2, 70'000) == Tile{2, 0, 1});

  CHECK(unfinished_tile(3, 70'000).width == 0);

  CHECK(unfinished_tile(Tile::entries, 70'000) == Tile{Tile::entries, 273, 112});

  CHECK(unfinished_tile(0, 256).width == 0);

  CHECK(unfinished_tile(1, 256) == Tile{1, 0, 1});

  CHECK(tile_at(1, 0, 70'000) == Tile{1, 0, 256});
}

TEST_CASE("tiles know the entries below them") {
  CHECK(Tile{1, 1, 17}.first_entry() == 65'536);

  CHECK(Tile{1, 1, 17}.end_entry() == 65'536 + 17 * 256);

  CHECK(Tile{Tile::entries, 2, 5}.first_entry() == 512);

  CHECK(Tile{Tile::entries, 2, 5}.end_entry() == 517);
}

TEST_CASE("entries of every size come back from a bundle as they were") {
  EntryBundle bundle;
  std::vector<std::string> entries{"", "a", std::string(255, 'b'), std::string(256, 'c'),
                                   std::string(longest_entry, 'd')};
  for (const auto& entry : entries)
    bundle.append(as_bytes(entry));
  const auto parsed = EntryBundle::parse(std::string(as_text(bundle.bytes())), 5).value();
  REQUIRE(parsed.size() == 5);

  for (unsigned i = 0; i < 5; ++i)
    CHECK(as_text(parsed.entry(i)) == entries[i]);

  CHECK(parsed.first_bytes(0).empty());

  CHECK(parsed.first_bytes(2).size() == 5);

  CHECK(parsed.first_bytes(5).size() == parsed.bytes().size());
}

TEST_CASE("a bundle that is cut anywhere, or goes on, is none") {
  EntryBundle bundle;
  bundle.append(as_bytes("first"));
  bundle.append(as_bytes("second"));
  const std::string bytes(as_text(bundle.bytes()));
  REQUIRE(EntryBundle::parse(bytes, 2).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(EntryBundle::parse(bytes.substr(0, size), 2).error().code == "entries_cut");

  CHECK(EntryBundle::parse(bytes + '\0', 2).error().code == "bad_entries");

  CHECK(EntryBundle::parse(bytes, 1).error().code == "bad_entries");

  CHECK(EntryBundle::parse(bytes, 3).error().code == "entries_cut");
}
