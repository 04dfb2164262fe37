#include <algorithm>
#include <chrono>
#include <fstream>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.hpp"
#include "payload/key_command.hpp"

namespace callgate::payload {
namespace {

using test::TemporaryDirectory;

const std::string first_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string second_key = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";

Result<KeyRing> load_file(const std::string& path) {
  KeyOptions options;
  options.file = path;
  return KeyRing::load(options);
}

Result<KeyRing> load_script(const std::string& script,
                            std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
  KeyOptions options;
  options.command = {"/bin/sh", "-c", script};
  options.command_timeout = timeout;
  return KeyRing::load(options);
}

TEST_CASE("A key file that is missing is made, once, for its owner alone") {
  const TemporaryDirectory directory;
  const auto made = load_file(directory / "keys");
  REQUIRE(made.has_value());
  struct stat status {};
  REQUIRE(::stat((directory / "keys").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  const auto again = load_file(directory / "keys");
  REQUIRE(again.has_value());
  CHECK(again->newest().id == made->newest().id);
  CHECK(load_file(directory / "others")->newest().id != made->newest().id);
  CHECK(again->source().find(directory / "keys") != std::string::npos);
}

TEST_CASE("A key file that others may read or change is refused, with what to do") {
  const TemporaryDirectory directory;
  const std::string path = directory / "keys";
  REQUIRE(load_file(path).has_value());
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const Error error = load_file(path).error();
    CHECK(error.code == "key_file_open");
    CHECK(error.message.find("chmod 600 " + path) != std::string::npos);
  }
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(load_file(path).has_value());
  if (::geteuid() == 0) {
    REQUIRE(::chown(path.c_str(), 12'345, 0) == 0);
    CHECK(load_file(path).error().code == "key_file_open");
  }
}

TEST_CASE("A key file that cannot be made or is no file is an error") {
  const TemporaryDirectory directory;
  CHECK(!load_file(directory / "no/such/directory").has_value());
  CHECK(load_file(directory.path()).error().code == "bad_key");
  REQUIRE(create_file(directory / "large", std::string(70'000, '#'), 0600).has_value());
  CHECK(load_file(directory / "large").error().code == "too_large");
  REQUIRE(create_file(directory / "empty", "", 0600).has_value());
  CHECK(load_file(directory / "empty").error().code == "bad_key");
}

TEST_CASE("Keys are read line by line, newest first") {
  const auto ring = KeyRing::parse("# a comment\n\n  " + second_key + " \r\n" + first_key, "a test");
  REQUIRE(ring.has_value());
  REQUIRE(ring->keys().size() == 2);
  CHECK(ring->newest().key.data()[0] == 0xff);
  CHECK(ring->keys()[1].key.data()[31] == 31);
  // SHA-256 of the bytes 0 to 31.
  CHECK(to_hex(ring->keys()[1].id) == "630dcd2966c43366");
  CHECK(ring->find(ring->keys()[1].id).has_value());
  const Error missing = ring->find({1, 2, 3}).error();
  CHECK(missing.code == "key_missing");
  CHECK(missing.message.find("0102030000000000") != std::string::npos);
  CHECK(missing.message.find("a test") != std::string::npos);
}

TEST_CASE("What is no key is refused, and not shown") {
  for (const std::string& text :
       {std::string(), std::string("# nothing"), first_key.substr(1), first_key + "A",
        "A" + first_key.substr(2) + "=", first_key.substr(0, 42) + "9=", first_key.substr(0, 43) + "8",
        "  " + first_key.substr(0, 20) + " " + first_key.substr(21), second_key + "\nnot a key\n",
        std::string(44, '='), std::string(44, '\0')}) {
    const auto ring = KeyRing::parse(text, "a test");
    REQUIRE(!ring.has_value());
    CHECK(ring.error().code == "bad_key");
    CHECK(ring.error().message.find("openssl rand -base64 32") != std::string::npos);
    CHECK(ring.error().message.find(first_key.substr(2, 8)) == std::string::npos);
  }
  std::string many;
  for (int at = 0; at < 1'025; ++at)
    many += first_key + "\n";
  CHECK(KeyRing::parse(many, "a test").error().code == "bad_key");
}

TEST_CASE("A command may print the keys") {
  const auto ring = load_script("echo " + second_key + "; echo " + first_key + "; echo a warning >&2");
  REQUIRE(ring.has_value());
  CHECK(ring->keys().size() == 2);
  CHECK(ring->source().find("/bin/sh") != std::string::npos);
  // It has no environment and nothing to read.
  CHECK(load_script("cat; [ -z \"$HOME\" ] && echo " + first_key).has_value());
}

TEST_CASE("A command that fails says why") {
  const Error status = load_script("echo no such vault >&2; exit 3").error();
  CHECK(status.code == "key_command_failed");
  CHECK(status.message.find("status 3") != std::string::npos);
  CHECK(status.message.find("no such vault") != std::string::npos);
  const Error killed = load_script("echo " + first_key + "; kill -9 $$").error();
  CHECK(killed.code == "key_command_failed");
  CHECK(killed.message.find("signal 9") != std::string::npos);
  CHECK(load_script("echo rubbish").error().code == "bad_key");
  CHECK(load_script("true").error().code == "bad_key");
  const Error endless = load_script("while :; do echo " + first_key + "; done").error();
  CHECK(endless.code == "key_command_failed");
  CHECK(endless.message.find("more than") != std::string::npos);

  KeyOptions options;
  options.command = {"/no/such/program"};
  CHECK(KeyRing::load(options).error().code == "key_command_failed");
  options.command = {"sh"};
  const Error relative = KeyRing::load(options).error();
  CHECK(relative.code == "key_command_failed");
  CHECK(relative.message.find("absolute") != std::string::npos);
}

TEST_CASE("A command that hangs is ended, with what it started") {
  const TemporaryDirectory directory;
  const std::string file = directory / "pid";
  const std::string script = "sleep 1000 & echo $! > " + file + "; echo " + first_key + "; ";
  const Error error = load_script(script + "sleep 1000", std::chrono::milliseconds(500)).error();
  CHECK(error.code == "key_command_failed");
  CHECK(error.message.find("500 ms") != std::string::npos);
  // One that left something behind has done its work all the same.
  CHECK(load_script(script).has_value());
  std::ifstream text(file);
  pid_t child = 0;
  REQUIRE(text >> child);
  // Killed: it is gone, or a zombie until its new parent looks.
  const auto is_running = [&] {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string pid;
    std::string name;
    std::string state;
    return (stat >> pid >> name >> state) && state != "Z" && state != "X";
  };
  while (is_running())
    ::usleep(1'000);
  CHECK(!is_running());
}

TEST_CASE("Standard error without end does not keep the command's result from being read") {
  const Error error = load_script("yes >&2", std::chrono::milliseconds(300)).error();
  CHECK(error.message.find("300 ms") != std::string::npos);
}

TEST_CASE("After a rotation of keys old payload is read and new payload is written under the new key") {
  const TemporaryDirectory directory;
  Stream old_call = stream_of(1, 2);
  Stream new_call = stream_of(1, 3);
  {
    const Store store(directory / "payload", {}, ring_of(first_key));
    store.add_call(old_call, "old", "");
    REQUIRE(store.writer->commit().has_value());
  }
  {
    const Store store(directory / "payload", {}, ring_of(second_key + "\n" + first_key));
    store.add_call(new_call, "new", "");
    REQUIRE(store.writer->commit().has_value());
    CHECK(store.read(old_call, Direction::request, Kind::body).value() == "old");
    CHECK(store.read(new_call, Direction::request, Kind::body).value() == "new");
  }
  const Store only_new(directory / "payload", {}, ring_of(second_key));
  CHECK(only_new.read(new_call, Direction::request, Kind::body).value() == "new");
  const Error lost = only_new.read(query_of(old_call)).error();
  CHECK(lost.code == "key_missing");
  CHECK(lost.message.find("630dcd2966c43366") != std::string::npos);
  CHECK(lost.message.find("the test's key") != std::string::npos);
}

TEST_CASE("A wrapped key verifies under its own key only, and whole") {
  const Key wrapping = Key::random().value();
  const Key key = Key::random().value();
  const WrappedKey wrapped = wrap(wrapping, key).value();
  const auto back = unwrap(wrapping, wrapped);
  REQUIRE(back.has_value());
  CHECK(std::equal(key.data(), key.data() + key_size, back->data()));
  CHECK(unwrap(key, wrapped).error().code == "payload_damaged");
  for (std::size_t at = 0; at < wrapped.size(); ++at) {
    WrappedKey changed = wrapped;
    changed[at] ^= 1U;
    CHECK(unwrap(wrapping, changed).error().code == "payload_damaged");
  }
}

}  // namespace
}  // namespace callgate::payload
