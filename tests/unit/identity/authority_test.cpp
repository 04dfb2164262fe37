#include "identity/authority.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "identity/openssl.hpp"
#include "identity/svid.hpp"

using namespace callgate;
using namespace callgate::identity;
namespace fs = std::filesystem;

namespace {

struct TemporaryDirectory {
  std::string path = (fs::temp_directory_path() / "callgate-authority-XXXXXX").string();
  TemporaryDirectory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~TemporaryDirectory() { fs::remove_all(path); }
  [[nodiscard]] std::string key() const { return path + "/authority/root.key"; }
  [[nodiscard]] std::string certificate() const { return path + "/authority/root.pem"; }
};

std::string content(const std::string& path) {
  return read_file(path).value();
}

// The code of the error, checked to have changed nothing.
std::string open_error(const TemporaryDirectory& directory, std::string_view trust_domain = "prod",
                       std::uint64_t now = wall_seconds()) {
  std::vector<std::string> before;
  for (const auto& file : {directory.key(), directory.certificate()}) {
    before.push_back(fs::exists(file) ? content(file) : "absent");
  }
  const auto outcome = Authority::open(directory.path, trust_domain, now);
  std::vector<std::string> after;
  for (const auto& file : {directory.key(), directory.certificate()}) {
    after.push_back(fs::exists(file) ? content(file) : "absent");
  }
  CHECK(before == after);
  return outcome ? "ok" : outcome.error().code;
}

SpiffeId id_of(std::string_view text) {
  return SpiffeId::parse(text).value();
}

}  // namespace

TEST_CASE("the first start makes a root that later starts use") {
  const TemporaryDirectory directory;
  const auto first = Authority::open(directory.path, "prod");
  REQUIRE(first.has_value());
  struct stat status {};
  REQUIRE(::stat(directory.key().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
  REQUIRE(::stat((directory.path + "/authority").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700);
  const auto key = content(directory.key());
  const auto second = Authority::open(directory.path, "prod");
  REQUIRE(second.has_value());
  CHECK(first->bundle_pem() == second->bundle_pem());
  CHECK(first->bundle_jwks() == second->bundle_jwks());
  CHECK(content(directory.key()) == key);
}

TEST_CASE("the root follows the rules for signing certificates") {
  const TemporaryDirectory directory;
  const auto authority = Authority::open(directory.path, "prod");
  REQUIRE(authority.has_value());
  const auto roots = read_certificates(authority->bundle_pem()).value();
  REQUIRE(roots.size() == 1);
  X509* const root = roots.front().get();
  CHECK(check_svid_signer(root, "prod").has_value());
  CHECK(uri_identity(root)->text() == "spiffe://prod");
  CHECK(X509_self_signed(root, 1) == 1);
  const auto years = (to_seconds(X509_get0_notAfter(root)) - wall_seconds()) / (365 * 86400);
  CHECK(years == 10);
}

TEST_CASE("what is issued is an X.509-SVID that the root signed") {
  const TemporaryDirectory directory;
  const auto authority = Authority::open(directory.path, "prod");
  REQUIRE(authority.has_value());
  const auto now = wall_seconds();
  const auto svid = authority->issue(id_of("spiffe://prod/ns/pay/sa/api"), std::chrono::hours(1), now);
  REQUIRE(svid.has_value());
  CHECK(svid->id == "spiffe://prod/ns/pay/sa/api");
  CHECK(svid->not_after == now + 3600);
  CHECK(svid->not_before <= now);
  CHECK(svid->not_before + 300 > now);
  const auto chain = read_certificates(svid->chain_pem).value();
  REQUIRE(chain.size() == 1);
  X509* const leaf = chain.front().get();
  CHECK(check_svid_leaf(leaf).value().text() == svid->id);
  CHECK(to_seconds(X509_get0_notAfter(leaf)) == svid->not_after);
  CHECK(to_seconds(X509_get0_notBefore(leaf)) == svid->not_before);
  const auto roots = read_certificates(authority->bundle_pem()).value();
  CHECK(X509_verify(leaf, X509_get0_pubkey(roots.front().get())) == 1);
  const auto key = read_private_key(svid->key_pem).value();
  CHECK(X509_check_private_key(leaf, key.get()) == 1);
  const auto other =
      authority->issue(id_of("spiffe://prod/ns/pay/sa/api"), std::chrono::hours(1), now).value();
  CHECK(other.key_pem != svid->key_pem);
  const auto other_chain = read_certificates(other.chain_pem).value();
  CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf), X509_get0_serialNumber(other_chain.front().get())) !=
        0);
}

TEST_CASE("the authority issues for workloads of its own trust domain only") {
  const TemporaryDirectory directory;
  const auto authority = Authority::open(directory.path, "prod");
  REQUIRE(authority.has_value());
  const std::chrono::seconds hour(3600);
  CHECK(authority->issue(id_of("spiffe://prod/a"), hour).has_value());
  CHECK(authority->issue(id_of("spiffe://other/a"), hour).error().code == "authority_wrong_id");
  CHECK(authority->issue(id_of("spiffe://prod"), hour).error().code == "authority_wrong_id");
  CHECK(authority->issue(id_of("spiffe://prod/a"), std::chrono::seconds(0)).error().code ==
        "authority_failed");
}

TEST_CASE("no SVID outlives the root, and an expired root issues nothing") {
  const TemporaryDirectory directory;
  const auto authority = Authority::open(directory.path, "prod");
  REQUIRE(authority.has_value());
  const auto roots = read_certificates(authority->bundle_pem()).value();
  const auto end = to_seconds(X509_get0_notAfter(roots.front().get()));
  const auto last = authority->issue(id_of("spiffe://prod/a"), std::chrono::hours(1), end - 10);
  REQUIRE(last.has_value());
  CHECK(last->not_after == end);
  CHECK(authority->issue(id_of("spiffe://prod/a"), std::chrono::hours(1), end).error().code ==
        "authority_expired");
  CHECK(authority->issue(id_of("spiffe://prod/a"), std::chrono::hours(1), 1000).error().code ==
        "authority_failed");
  CHECK(open_error(directory, "prod", end) == "authority_expired");
}

TEST_CASE("rotation is due at half of the lifetime, or when the clock went back") {
  Svid svid;
  svid.not_before = 940;
  svid.issued_at = 1000;
  svid.not_after = 2000;
  CHECK_FALSE(needs_rotation(svid, 1000));
  CHECK_FALSE(needs_rotation(svid, 1499));
  CHECK(needs_rotation(svid, 1500));
  CHECK(needs_rotation(svid, 5000));
  CHECK(needs_rotation(svid, 999));
}

TEST_CASE("the bundle as JSON Web Key Set holds the root") {
  const TemporaryDirectory directory;
  const auto authority = Authority::open(directory.path, "prod");
  REQUIRE(authority.has_value());
  const auto bundle = boost::json::parse(authority->bundle_jwks());
  CHECK(bundle.at("spiffe_sequence").to_number<std::uint64_t>() > 0);
  CHECK(bundle.at("spiffe_refresh_hint").to_number<int>() == 300);
  const auto& keys = bundle.at("keys").as_array();
  REQUIRE(keys.size() == 1);
  const auto& key = keys.front();
  CHECK(key.at("use") == "x509-svid");
  CHECK(key.at("kty") == "EC");
  CHECK(key.at("crv") == "P-256");
  CHECK(key.at("x").as_string().size() == 43);
  CHECK(key.at("y").as_string().size() == 43);
  REQUIRE(key.at("x5c").as_array().size() == 1);
  // The same base64 as in the PEM form, without its line breaks.
  std::string pem = authority->bundle_pem();
  std::erase(pem, '\n');
  const std::string x5c(key.at("x5c").as_array().front().as_string());
  CHECK(pem == "-----BEGIN CERTIFICATE-----" + x5c + "-----END CERTIFICATE-----");
}

TEST_CASE("a damaged authority is neither used nor overwritten") {
  const TemporaryDirectory directory;
  REQUIRE(Authority::open(directory.path, "prod").has_value());
  SECTION("key missing") {
    fs::remove(directory.key());
    CHECK(open_error(directory) == "authority_key_missing");
    CHECK_FALSE(fs::exists(directory.key()));
  }
  SECTION("certificate missing") {
    fs::remove(directory.certificate());
    CHECK(open_error(directory) == "authority_certificate_missing");
    CHECK_FALSE(fs::exists(directory.certificate()));
  }
  SECTION("certificate of another key") {
    const TemporaryDirectory other;
    REQUIRE(Authority::open(other.path, "prod").has_value());
    fs::copy_file(other.certificate(), directory.certificate(), fs::copy_options::overwrite_existing);
    CHECK(open_error(directory) == "authority_mismatch");
  }
  SECTION("empty key, as after a full disk") {
    std::ofstream(directory.key(), std::ios::trunc).close();
    CHECK(open_error(directory) == "authority_unreadable");
  }
  SECTION("garbage instead of a certificate") {
    std::ofstream(directory.certificate(), std::ios::trunc) << "garbage";
    CHECK(open_error(directory) == "authority_unreadable");
  }
  SECTION("key readable by others") {
    REQUIRE(::chmod(directory.key().c_str(), 0640) == 0);
    CHECK(open_error(directory) == "authority_permissions");
  }
  SECTION("directory writable by others") {
    REQUIRE(::chmod((directory.path + "/authority").c_str(), 0777) == 0);
    CHECK(open_error(directory) == "authority_permissions");
  }
  SECTION("key behind a symbolic link") {
    fs::rename(directory.key(), directory.path + "/elsewhere");
    fs::create_symlink(directory.path + "/elsewhere", directory.key());
    CHECK(open_error(directory) == "authority_permissions");
  }
  SECTION("another trust domain") {
    CHECK(open_error(directory, "other") == "authority_trust_domain");
  }
  SECTION("no trust domain") {
    CHECK(open_error(directory, "Not A Domain") == "bad_spiffe_id");
  }
}

TEST_CASE("what an interrupted creation left does not count") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path + "/authority.new");
  std::ofstream(directory.path + "/authority.new/root.key") << "half a k";
  REQUIRE(Authority::open(directory.path, "prod").has_value());
  CHECK_FALSE(fs::exists(directory.path + "/authority.new"));
  CHECK(open_error(directory) == "ok");
}

TEST_CASE("a directory that is used for something else is left alone") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path + "/authority");
  SECTION("empty: it becomes the authority") {
    CHECK(Authority::open(directory.path, "prod").has_value());
  }
  SECTION("not empty") {
    std::ofstream(directory.path + "/authority/notes") << "mine";
    const auto outcome = Authority::open(directory.path, "prod");
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == "authority_unreadable");
    CHECK(content(directory.path + "/authority/notes") == "mine");
    CHECK_FALSE(fs::exists(directory.path + "/authority.new"));
  }
}

TEST_CASE("agents that start at the same time agree on one root") {
  const TemporaryDirectory directory;
  std::vector<std::string> bundles(4);
  std::vector<std::thread> threads;
  for (auto& bundle : bundles) {
    threads.emplace_back([&directory, &bundle] {
      const auto authority = Authority::open(directory.path, "prod");
      if (authority) bundle = authority->bundle_pem();
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK_FALSE(bundles.front().empty());
  for (const auto& bundle : bundles)
    CHECK(bundle == bundles.front());
}
