#include "base/file.hpp"

#include <cstdlib>
#include <filesystem>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <sys/stat.h>

using namespace callgate;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_("/tmp/callgate-file-test-XXXXXX") {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

}  // namespace

TEST_CASE("a created file is never overwritten") {
  const TemporaryDirectory directory;
  REQUIRE(create_file(directory / "key", "first", 0600));
  CHECK(mode_of(directory / "key") == 0600);
  CHECK(create_file(directory / "key", "second", 0600).error().code == "exists");
  CHECK(read_file(directory / "key").value() == "first");
}

TEST_CASE("a replaced file has the new content and mode, and nothing is left beside it") {
  const TemporaryDirectory directory;
  REQUIRE(replace_file(directory / "state", "one", 0644));
  REQUIRE(replace_file(directory / "state", "two", 0600));
  CHECK(read_file(directory / "state").value() == "two");
  CHECK(mode_of(directory / "state") == 0600);
  CHECK_FALSE(std::filesystem::exists(directory / "state.new"));
}

TEST_CASE("a file over the limit is refused, not cut") {
  const TemporaryDirectory directory;
  REQUIRE(create_file(directory / "big", std::string(1001, 'x'), 0600));
  CHECK(read_file(directory / "big", 1001).value().size() == 1001);
  CHECK(read_file(directory / "big", 1000).error().code == "too_large");
  CHECK(read_file(directory / "absent").error().code == "system_error");
}

TEST_CASE("directories are made with their parents") {
  const TemporaryDirectory directory;
  REQUIRE(make_directories(directory / "a/b/c", 0700));
  REQUIRE(make_directories(directory / "a/b/c", 0700));
  CHECK(mode_of(directory / "a/b/c") == 0700);
  REQUIRE(create_file(directory / "a/file", "", 0600));
  CHECK(make_directories(directory / "a/file/d", 0700).has_error());
}

TEST_CASE("sealed memory can be read and not be changed; unsealed memory is refused") {
  const auto memory = make_sealed_memory("test", "content").value();
  CHECK(read_sealed_memory(memory.get(), 100).value() == "content");
  CHECK(read_sealed_memory(memory.get(), 6).error().code == "too_large");
  CHECK(::write(memory.get(), "x", 1) == -1);

  const Fd open_memory(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::write(open_memory.get(), "x", 1) == 1);
  CHECK(read_sealed_memory(open_memory.get(), 100).error().code == "not_sealed");
}
