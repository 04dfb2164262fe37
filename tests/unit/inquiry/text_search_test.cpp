#include "inquiry/text_search.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace callgate;
using namespace callgate::inquiry;

namespace {

struct Hit {
  std::uint64_t offset;
  std::string before;
  std::string match;
  std::string after;
  bool operator==(const Hit&) const = default;
};

std::vector<Hit> search(const std::string& text, const std::vector<std::string>& pieces, bool regex = false,
                        bool ignore_case = false) {
  std::vector<Hit> hits;
  auto pattern = TextPattern::compile(text, regex, ignore_case);
  REQUIRE(pattern.has_value());
  TextSearch search(*pattern, [&](const TextMatch& match) {
    hits.push_back(
        {match.offset, std::string(match.before), std::string(match.match), std::string(match.after)});
    return true;
  });
  std::uint64_t offset = 0;
  for (const auto& piece : pieces) {
    REQUIRE(search.feed(offset, piece));
    offset += piece.size();
  }
  CHECK(search.finish());
  return hits;
}

std::string code_of(const std::string& text, bool regex) {
  const auto pattern = TextPattern::compile(text, regex, false);
  return pattern ? "" : pattern.error().code;
}

}  // namespace

TEST_CASE("text is found with its place and what stands around it") {
  const auto hits = search("b.c", {"aaab.cddd b.c b-c"});
  REQUIRE(hits.size() == 2);
  CHECK(hits[0] == Hit{3, "aaa", "b.c", "ddd b.c b-c"});
  CHECK(hits[1].offset == 10);
  CHECK(search("B.C", {"aaab.c"}).empty());
  CHECK(search("B.C", {"aaab.c"}, false, true).size() == 1);
}

TEST_CASE("a split at any place changes nothing") {
  const std::string text = "one needle, two needles\nand a nee\ndle";
  const auto whole = search("needle", {text});
  REQUIRE(whole.size() == 2);
  for (std::size_t at = 0; at <= text.size(); ++at)
    CHECK(search("needle", {text.substr(0, at), text.substr(at)}) == whole);
  std::vector<std::string> bytes;
  for (const char c : text)
    bytes.emplace_back(1, c);
  CHECK(search("needle", bytes) == whole);
  CHECK(search("need[a-z]+s", bytes, true) == search("need[a-z]+s", {text}, true));
}

TEST_CASE("text that lies across pieces of a long stream is found once") {
  const std::string filler(200'000, 'x');
  std::string text = filler + "needle" + filler + "needle" + filler;
  for (const std::size_t size : {std::size_t{1000}, std::size_t{65536}, std::size_t{200'003}, text.size()}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += size)
      pieces.push_back(text.substr(at, size));
    const auto hits = search("needle", pieces);
    REQUIRE(hits.size() == 2);
    CHECK(hits[0].offset == 200'000);
    CHECK(hits[1].offset == 400'006);
    CHECK(hits[0].before == std::string(TextSearch::context, 'x'));
    CHECK(hits[0].after == std::string(TextSearch::context, 'x'));
  }
}

TEST_CASE("ends of lines are ends of lines, wherever the window begins") {
  std::string text;
  for (int line = 0; line < 20'000; ++line)
    text += "line of text\n";
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size(); at += 777)
    pieces.push_back(text.substr(at, 777));
  CHECK(search("^line", pieces, true).size() == 20'000);
  CHECK(search("text$", pieces, true).size() == 20'000);
  CHECK(search("^of", pieces, true).empty());
}

TEST_CASE("binary bytes around it do not hide text") {
  const std::string bytes = std::string("\x00\xff\xfe", 3) + "needle" + std::string("\x80\x00", 2);
  CHECK(search("needle", {bytes}).size() == 1);
  CHECK(search("n[e]+dle", {bytes}, true).size() == 1);
}

TEST_CASE("a match is cut where it is too long, and the search goes on behind it") {
  const std::string run(6000, 'a');
  const auto hits = search("a+", {run + "b" + "aa"}, true);
  REQUIRE(hits.size() == 2);
  CHECK(hits[0].match.size() == TextSearch::longest_match);
  CHECK(hits[1] == Hit{6001, hits[1].before, "aa", ""});
}

TEST_CASE("a gap in the stream joins nothing") {
  auto pattern = TextPattern::compile("needle", false, false);
  int found = 0;
  TextSearch search(*pattern, [&](const TextMatch& match) {
    ++found;
    CHECK(match.offset == 103);
    return true;
  });
  CHECK(search.feed(0, "nee"));
  CHECK(search.feed(100, "dleneedle"));
  CHECK(search.finish());
  CHECK(found == 1);
}

TEST_CASE("a search ends where somebody has had enough") {
  auto pattern = TextPattern::compile("a", false, false);
  int found = 0;
  TextSearch search(*pattern, [&](const TextMatch&) { return ++found < 3; });
  (void)search.feed(0, std::string(100'000, 'a'));
  CHECK_FALSE(search.feed(100'000, "a"));
  CHECK_FALSE(search.finish());
  CHECK(found == 3);
}

TEST_CASE("what cannot be looked for is refused") {
  CHECK(code_of("", false) == "invalid");
  CHECK(code_of(std::string(1025, 'a'), false) == "invalid");
  CHECK(code_of("(", true) == "invalid");
  CHECK(code_of("a*", true) == "invalid");
  CHECK(code_of("^", true) == "invalid");
  CHECK(code_of("\xff", false) == "invalid");
  CHECK(code_of("(", false).empty());
  CHECK(code_of("(?:(?:a{1000}){1000}){1000}", true) == "invalid");
}
