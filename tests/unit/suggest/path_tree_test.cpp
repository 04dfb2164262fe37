// How paths are generalized.
#include "suggest/path_tree.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "policy/function_pattern.hpp"

using namespace callgate;
using namespace callgate::suggest;

namespace {

Seen once() {
  Seen seen;
  seen.calls = 1;
  return seen;
}

std::vector<std::string> texts(const PathTree& tree) {
  std::vector<std::string> found;
  for (const auto& pattern : tree.patterns())
    found.push_back(pattern.text);
  return found;
}

std::vector<std::string> generalized(const std::vector<std::string>& paths, std::size_t distinct = 32) {
  PathTree tree(distinct);
  for (const auto& path : paths)
    tree.add(path, once());
  return texts(tree);
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("ids become a wildcard at once, numbers when they vary") {
  CHECK(generalized({"/v1/customers/42"}) == Texts{"/v1/customers/42"});
  CHECK(generalized({"/v1/customers/42", "/v1/customers/42"}) == Texts{"/v1/customers/42"});
  CHECK(generalized({"/v1/customers/42", "/v1/customers/43"}) == Texts{"/v1/customers/*"});
  CHECK(generalized({"/v1/o/5f2b9c1d/items"}) == Texts{"/v1/o/*/items"});
  CHECK(generalized({"/rest/api/2/issue", "/rest/api/2/user"}) ==
        Texts{"/rest/api/2/issue", "/rest/api/2/user"});
  CHECK(generalized({"/r/1.json", "/r/2.json", "/r/me.json"}) == Texts{"/r/*.json", "/r/me.json"});
}

TEST_CASE("the first segment stays until there are many") {
  CHECK(generalized({"/1", "/2", "/5f2b9c1d"}) == Texts{"/1", "/2", "/5f2b9c1d"});
  PathTree tree(2);
  for (int i = 0; i < 16; ++i)
    tree.add(fmt::format("/a{}", i), once());
  CHECK(texts(tree).size() == 16);
  tree.add("/one-more", once());
  CHECK(texts(tree) == Texts{"/*"});
}

TEST_CASE("many values under one beginning become a wildcard, and what follows them is put together") {
  PathTree tree(3);
  for (const char* name : {"ada", "bob", "eve"}) {
    tree.add(fmt::format("/users/{}/mail", name), once());
    tree.add(fmt::format("/users/{}/files/a", name), once());
  }
  CHECK(texts(tree).size() == 6);
  tree.add("/users/joe/mail", once());
  CHECK(texts(tree) == Texts{"/users/*/files/a", "/users/*/mail"});
  tree.add("/users/sue/mail/", once());
  CHECK(texts(tree) == Texts{"/users/*/files/a", "/users/*/mail", "/users/*/mail/"});
  std::uint64_t calls = 0;
  for (const auto& pattern : tree.patterns())
    calls += pattern.seen.calls;
  CHECK(calls == 8);
}

TEST_CASE("empty segments are never a wildcard, which holds at least one character") {
  PathTree tree(1);
  for (const char* path : {"/a/", "/a/b", "/a/c", "/a//x"})
    tree.add(path, once());
  CHECK(texts(tree) == Texts{"/a/", "/a/*", "/a//x"});
}

TEST_CASE("squeezing ends with the most general patterns, and counts its nodes") {
  PathTree tree(1000);
  for (int i = 0; i < 500; ++i)
    tree.add(fmt::format("/a{}/b{}/c{}", i % 5, i % 7, i), once());
  CHECK(tree.nodes() > 500);
  tree.squeeze(3);
  const auto squeezed = tree.nodes();
  CHECK(squeezed < 50);
  tree.squeeze(0);
  CHECK(texts(tree) == Texts{"/*/*/*"});
  CHECK(tree.nodes() == 3);
  CHECK(tree.patterns()[0].seen.calls == 500);
  tree.add("/fresh/b/c/", once());
  CHECK(texts(tree) == Texts{"/*/*/*", "/*/*/*/"});
  CHECK(tree.nodes() == 4);
}

TEST_CASE("nodes are counted as they are while paths come in") {
  PathTree tree(4);
  for (int i = 0; i < 2000; ++i)
    tree.add(fmt::format("/r{}/{}x/{}/{}.json", i % 3, i % 11, i * 7, i % 13), once());
  const auto counted = tree.nodes();
  tree.squeeze(4);  // counts anew
  CHECK(tree.nodes() == counted);
}

TEST_CASE("long and deep paths give patterns that the language takes") {
  std::string deep;
  std::string wide;
  for (int i = 0; i < 2000; ++i)
    deep += "/a";
  for (int i = 0; i < 60; ++i)
    wide += "/" + std::string(90, static_cast<char>('a' + i % 26));
  for (const auto& path : {deep, wide, "/" + std::string(8000, 'x'), "/v1/" + std::string(8000, 'x'),
                           "/v1/" + std::string(8000, '/')}) {
    const auto patterns = generalized({path});
    REQUIRE(patterns.size() == 1);
    policy::PatternFault fault;
    const auto parsed = policy::parse_function("http:GET " + patterns[0], fault);
    REQUIRE(parsed.has_value());
    CHECK(policy::path_matches(parsed->path, path));
  }
}
