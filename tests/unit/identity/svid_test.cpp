#include "identity/svid.hpp"

#include <catch2/catch.hpp>

#include "test_pki.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

constexpr const char* id_text = "spiffe://prod/ns/pay/sa/api";

std::string code_of(const CertificateShape& shape) {
  const auto outcome = identity::check_svid_leaf(issue(shape).certificate.get());
  return outcome ? "ok " + outcome->text() : outcome.error().code;
}

CertificateShape without(CertificateShape shape, int nid) {
  std::erase_if(shape.extensions, [nid](const auto& extension) { return extension.first == nid; });
  return shape;
}

}  // namespace

TEST_CASE("a correct X.509-SVID proves its ID") {
  CHECK(code_of(svid_shape(id_text)) == std::string("ok ") + id_text);
}

TEST_CASE("an X.509-SVID may have other names and no extended key usage") {
  CHECK(code_of(svid_base().with(NID_subject_alt_name, "DNS:a.example,URI:spiffe://prod/a,IP:10.0.0.1")) ==
        "ok spiffe://prod/a");
  CHECK(code_of(without(svid_shape(id_text), NID_ext_key_usage)) == std::string("ok ") + id_text);
}

TEST_CASE("an X.509-SVID has exactly one URI name, and that is the SPIFFE ID of a workload") {
  CHECK(code_of(svid_base()) == "svid_no_id");
  CHECK(code_of(svid_base().with(NID_subject_alt_name, "DNS:a.example")) == "svid_no_id");
  CHECK(code_of(svid_base().with(NID_subject_alt_name, "URI:spiffe://prod/a,URI:spiffe://prod/b")) ==
        "svid_many_ids");
  CHECK(code_of(svid_base().with(NID_subject_alt_name, "URI:spiffe://prod/a,URI:https://b")) ==
        "svid_many_ids");
  CHECK(code_of(svid_shape("https://prod/a")) == "svid_bad_id");
  CHECK(code_of(svid_shape("spiffe://Prod/a")) == "svid_bad_id");
  CHECK(code_of(svid_shape("spiffe://prod")) == "svid_bad_id");
}

TEST_CASE("names are critical where the subject is empty") {
  auto shape = svid_shape(id_text);
  shape.common_name.clear();
  CHECK(code_of(shape) == "svid_not_critical");
  shape = svid_base().with(NID_subject_alt_name, std::string("critical,URI:") + id_text);
  shape.common_name.clear();
  CHECK(code_of(shape) == std::string("ok ") + id_text);
}

TEST_CASE("an authority authenticates nobody") {
  auto shape = without(without(svid_shape(id_text), NID_basic_constraints), NID_key_usage);
  CHECK(code_of(shape.with(NID_basic_constraints, "critical,CA:TRUE")
                    .with(NID_key_usage, "critical,digitalSignature,keyCertSign")) == "svid_is_authority");
}

TEST_CASE("the key usages of an X.509-SVID are held to the specification") {
  const auto bare = without(svid_shape(id_text), NID_key_usage);
  CHECK(code_of(bare) == "svid_key_usage");
  for (const char* usage : {"digitalSignature", "critical,keyEncipherment",
                            "critical,digitalSignature,keyCertSign", "critical,digitalSignature,cRLSign"}) {
    INFO(usage);
    auto shape = bare;
    CHECK(code_of(shape.with(NID_key_usage, usage)) == "svid_key_usage");
  }
  const auto no_extended = without(svid_shape(id_text), NID_ext_key_usage);
  for (const char* usage : {"serverAuth", "clientAuth", "codeSigning"}) {
    INFO(usage);
    auto shape = no_extended;
    CHECK(code_of(shape.with(NID_ext_key_usage, usage)) == "svid_extended_key_usage");
  }
}

TEST_CASE("an extension that is there twice is refused") {
  auto shape = svid_shape(id_text);
  shape.with(NID_subject_alt_name, "URI:spiffe://prod/b");
  CHECK(code_of(shape) == "svid_unreadable");
}

TEST_CASE("only whole certificates are read") {
  const auto der = issue(svid_shape(id_text)).der();
  REQUIRE(identity::check_svid_leaf(as_bytes(der)).has_value());
  for (std::size_t size = 0; size < der.size(); ++size) {
    INFO(size);
    const auto outcome = identity::check_svid_leaf(as_bytes(der).first(size));
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == "svid_unreadable");
  }
  CHECK(identity::check_svid_leaf(as_bytes(der + "x")).error().code == "svid_unreadable");
}

TEST_CASE("signers are authorities of the same trust domain") {
  const auto code = [](const CertificateShape& shape) {
    const auto outcome = identity::check_svid_signer(issue(shape).certificate.get(), "prod");
    return outcome ? std::string("ok") : outcome.error().code;
  };
  CHECK(code(authority_shape("root")) == "ok");
  CHECK(code(authority_shape("root").with(NID_subject_alt_name, "URI:spiffe://prod")) == "ok");
  CHECK(code(authority_shape("root").with(NID_subject_alt_name, "URI:spiffe://other")) == "svid_bad_id");
  CHECK(code(authority_shape("root").with(NID_subject_alt_name, "URI:spiffe://prod/a")) == "svid_bad_id");
  CHECK(code(authority_shape("root").with(NID_subject_alt_name, "URI:spiffe://prod,URI:spiffe://prod")) ==
        "svid_many_ids");
  CHECK(code(svid_shape(id_text)) == "svid_not_authority");
  CHECK(code(without(authority_shape("root"), NID_key_usage)) == "svid_key_usage");
}
