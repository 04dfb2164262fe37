#include "tlog/key.hpp"

#include <algorithm>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "scratch.hpp"

using namespace callgate;
using namespace callgate::tlog;
using callgate::tlog::testing::Scratch;

TEST_CASE("a key is made once, for its owner only, and is the same afterwards") {
  const Scratch scratch;
  const auto path = scratch.path + "/log.key";
  const auto made = SigningKey::load_or_create(path).value();
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);

  CHECK((status.st_mode & 07777U) == 0600);

  const auto loaded = SigningKey::load_or_create(path).value();
  CHECK(loaded.public_key() == made.public_key());

  const auto signature = loaded.sign(as_bytes("text")).value();
  const VerifierKey verifier("a", made.public_key());
  CHECK(verifier.verify(as_bytes("text"), signature));

  CHECK_FALSE(verifier.verify(as_bytes("Text"), signature));

  CHECK_FALSE(verifier.verify(as_bytes("text"), Bytes(signature).first(63)));
}

TEST_CASE("a key that others could read is not used") {
  const Scratch scratch;
  const auto path = scratch.path + "/log.key";
  REQUIRE(SigningKey::load_or_create(path).has_value());
  for (const mode_t mode : {0640U, 0604U, 0620U, 0601U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);

    const auto loaded = SigningKey::load_or_create(path);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().code == "key_permissions");

    CHECK(loaded.error().message.find("chmod 600 " + path) != std::string::npos);
  }
}

TEST_CASE("what is no key is not replaced by one") {
  const Scratch scratch;
  const auto path = scratch.path + "/log.key";
  testing::write(path, "-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);

  CHECK(SigningKey::load_or_create(path).error().code == "bad_key");

  testing::write(path, "");
  CHECK(SigningKey::load_or_create(path).error().code == "bad_key");

  CHECK_FALSE(SigningKey::load(scratch.path + "/none").has_value());
  CHECK(SigningKey::load(scratch.path).error().code == "key_permissions");

  REQUIRE(std::filesystem::remove(path));

  std::filesystem::create_symlink(scratch.path + "/elsewhere", path);
  CHECK_FALSE(SigningKey::load_or_create(path).has_value());
}

TEST_CASE("verifier keys are read strictly") {
  const std::string good = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  REQUIRE(VerifierKey::parse(good).has_value());
  for (std::size_t place = 0; place < good.size(); ++place) {
    auto changed = good;
    changed[place] = changed[place] == 'x' ? 'y' : 'x';
    INFO(changed);
    CHECK(VerifierKey::parse(changed).error().code == "bad_key");

    CHECK(VerifierKey::parse(good.substr(0, place)).error().code == "bad_key");
  }
  CHECK_FALSE(VerifierKey::parse(good + "A").has_value());
  CHECK_FALSE(VerifierKey::parse(good + "\n").has_value());
  CHECK_FALSE(
      VerifierKey::parse("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").has_value());
}
