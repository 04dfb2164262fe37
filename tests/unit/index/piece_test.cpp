#include "index/piece.hpp"

#include <catch2/catch.hpp>

#include "index/block.hpp"

namespace callgate::index {
namespace {

TEST_CASE("Numbers of every width come back, and equal ones take no space") {
  const std::uint64_t step = GENERATE(0ULL, 1ULL, 200ULL, 70'000ULL, 5'000'000'000ULL, ~0ULL / 3);
  const std::uint64_t base = GENERATE(0ULL, 17ULL, 1'700'000'000'000'000'000ULL);
  Numbers values;
  for (std::uint64_t at = 0; at < 4; ++at)
    values.push_back(base + at * step);
  const std::string bytes = encode_numbers(values);
  CHECK(decode_numbers(as_bytes(bytes), values.size()).value() == values);
  CHECK((bytes.size() == 9) == (step == 0));
  CHECK(decode_numbers(as_bytes(encode_numbers({})), 0).value().empty());
}

TEST_CASE("Texts come back, each stored once") {
  const std::vector<std::string_view> texts{"", "http:GET api/v1", std::string_view("a\0b", 3)};
  const Numbers ids{1, 1, 0, 2, 1};
  const std::string bytes = encode_texts(texts, ids);
  const Texts read = decode_texts(as_bytes(bytes), ids.size()).value();
  CHECK(read.texts == texts);
  CHECK(read.ids == ids);
}

TEST_CASE("A piece that is cut, longer, or of other rows is refused") {
  const std::string numbers = encode_numbers(Numbers{5, 600, 7});
  const std::vector<std::string_view> words{"one", "two"};
  const std::string texts = encode_texts(words, Numbers{0, 1, 1});
  REQUIRE(decode_numbers(as_bytes(numbers), 3).has_value());
  REQUIRE(decode_texts(as_bytes(texts), 3).has_value());
  for (std::size_t size = 0; size < numbers.size(); ++size)
    CHECK(decode_numbers(as_bytes(numbers.substr(0, size)), 3).error().code == "index_damaged");
  for (std::size_t size = 0; size < texts.size(); ++size)
    CHECK(decode_texts(as_bytes(texts.substr(0, size)), 3).error().code == "index_damaged");
  CHECK_FALSE(decode_numbers(as_bytes(numbers + "x"), 3).has_value());
  CHECK_FALSE(decode_texts(as_bytes(texts + "x"), 3).has_value());
  CHECK_FALSE(decode_numbers(as_bytes(numbers), 4).has_value());
  CHECK_FALSE(decode_texts(as_bytes(texts), 2).has_value());
  CHECK_FALSE(decode_texts(as_bytes(encode_texts(words, Numbers{0, 1, 2})), 3)
                  .has_value());  // a text that is not there
}

TEST_CASE("A summary comes back, and one that no block can have is refused") {
  Summary summary{3, 100, 200, 90, {1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}};
  const std::string bytes = encode_summary(summary);
  CHECK(decode_summary(as_bytes(bytes), 3).value() == summary);
  CHECK_FALSE(decode_summary(as_bytes(bytes.substr(1)), 3).has_value());
  summary.rows = 101;
  CHECK_FALSE(decode_summary(as_bytes(encode_summary(summary)), 3).has_value());
  summary.rows = 0;
  summary.end = 100;
  CHECK_FALSE(decode_summary(as_bytes(encode_summary(summary)), 3).has_value());
}

}  // namespace
}  // namespace callgate::index
