#include "policy/loader.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "documents.hpp"

using namespace callgate::policy;
using namespace callgate::policy::testing;

namespace {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "callgate-policies-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] LoadedPolicies load() const { return load_directory(path_.string()); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a directory gives its policies in the order of their names") {
  const Directory directory;
  directory.write("2.yaml", to_yaml({.name = "a"}));
  directory.write("1.yml", to_yaml({.name = "b"}) + to_yaml({.name = "c"}));
  directory.write("notes.txt", "no policy");
  directory.write(".hidden.yaml", "no policy");
  directory.write("2.cases.yaml", "no policy");
  const auto loaded = directory.load();
  INFO(loaded.report());
  REQUIRE(loaded.ok());
  REQUIRE(loaded.policies.size() == 3);
  CHECK(loaded.policies[0].name == "a");
  CHECK(loaded.policies[2].name == "c");
  CHECK(loaded.files.size() == 2);
  CHECK(loaded.digest.size() == 64);
  CHECK(loaded.digest.starts_with(loaded.version));
}

TEST_CASE("one bad file leaves no policy, and says where") {
  const Directory directory;
  directory.write("1.yaml", to_yaml({.name = "a"}));
  REQUIRE(directory.load().ok());
  directory.write("2.yaml", "apiVersion: callgate.dev/v1\nkind: CallPolice\n");
  const auto loaded = directory.load();
  CHECK_FALSE(loaded.ok());
  CHECK(loaded.policies.empty());
  CHECK(loaded.digest.empty());
  CHECK_THAT(loaded.report(), Catch::Contains(directory.file("2.yaml") + ":2:7: error:") &&
                                  Catch::Contains("  kind: CallPolice\n        ^\n") &&
                                  Catch::Contains("did you mean `CallPolicy`?"));
}

TEST_CASE("the digest is of what policies say, not of how they are written") {
  const Directory directory;
  directory.write("1.yaml", to_yaml({.name = "a"}));
  directory.write("2.yaml", to_yaml({.name = "b"}));
  const auto before = directory.load();
  directory.write("1.yaml", "# a comment\n" + to_yaml({.name = "b"}));
  directory.write("2.yaml", to_yaml({.name = "a"}));
  CHECK(directory.load().digest == before.digest);
  directory.write("2.yaml", to_yaml({.name = "a", .mode = "observe"}));
  const auto after = directory.load();
  REQUIRE(after.ok());
  CHECK(after.digest != before.digest);
}

TEST_CASE("a name in two files is an error that names both") {
  const Directory directory;
  directory.write("1.yaml", to_yaml({.name = "a"}));
  directory.write("2.yaml", to_yaml({.name = "a"}));
  const auto loaded = directory.load();
  CHECK_FALSE(loaded.ok());
  CHECK(loaded.policies.empty());
  CHECK_THAT(loaded.report(),
             Catch::Contains(directory.file("1.yaml")) && Catch::Contains(directory.file("2.yaml")));
}

TEST_CASE("an empty directory is no error, an unreadable one is") {
  const Directory directory;
  const auto empty = directory.load();
  CHECK(empty.ok());
  CHECK(empty.policies.empty());
  const auto missing = load_directory(directory.file("missing"));
  CHECK_FALSE(missing.ok());
  CHECK_THAT(missing.report(), Catch::Contains("missing: error:") && Catch::Contains("hint: create it"));
  directory.write("file", "");
  CHECK_FALSE(load_directory(directory.file("file")).ok());
}

TEST_CASE("what is no regular file is refused without waiting for it") {
  const Directory directory;
  REQUIRE(::mkfifo(directory.file("pipe.yaml").c_str(), 0600) == 0);
  CHECK_FALSE(directory.load().ok());
  const Directory other;
  REQUIRE(std::filesystem::create_directory(other.file("dir.yaml")));
  CHECK_FALSE(other.load().ok());
  const Directory dangling;
  std::filesystem::create_symlink("nowhere", dangling.file("link.yaml"));
  CHECK_FALSE(dangling.load().ok());
}

TEST_CASE("an oversized or empty file is refused") {
  const Directory directory;
  directory.write("big.yaml", std::string(2U << 20U, '#'));
  CHECK_FALSE(directory.load().ok());
  const Directory other;
  other.write("empty.yaml", "");
  CHECK_THAT(other.load().report(), Catch::Contains("holds no policy"));
}

TEST_CASE("warnings reject nothing, and errors can be had without them") {
  Directory directory;
  const auto document = [](const std::string& name, const std::string& action) {
    return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: " + name +
           "}\nspec: {callers: [{workload: w}], targets: [{host: \"*\"}], rules: [{name: r, functions: "
           "[\"*\"], action: " +
           action + "}]}\n";
  };
  directory.write("1.yaml", document("a", "allow"));
  CHECK(directory.load().ok());
  CHECK_THAT(directory.load().report(), Catch::Contains("warning: this allows every call"));
  CHECK(directory.load().report(false).empty());
  directory.write("2.yaml", document("b", "permit"));
  CHECK_FALSE(directory.load().ok());
  CHECK_THAT(directory.load().report(false), Catch::Contains("error:") && !Catch::Contains("warning:"));
}
