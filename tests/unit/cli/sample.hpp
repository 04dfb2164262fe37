// A record with everything in it, part of it hostile.
#pragma once

#include <string>

#include "callgate/v1/control.pb.h"

namespace callgate::cli::test {

inline std::string id_bytes(char last) {
  return std::string(15, '\0') + last;
}

inline v1::Record sample() {
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  record.set_session_id(id_bytes(1));
  record.set_call_id(id_bytes(2));
  record.set_opened_ns(1'769'903'999'123'000'000);
  record.set_closed_ns(1'769'903'999'223'000'000);
  record.mutable_workload()->set_name("shop");
  record.mutable_workload()->set_spiffe_id("spiffe://callgate.local/shop");
  record.mutable_process()->set_tgid(77);
  record.mutable_process()->set_exe_path("/usr/bin/curl");
  record.mutable_destination()->set_ip(std::string("\x0a\x00\x00\x01", 4));
  record.mutable_destination()->set_port(8080);
  record.mutable_target()->set_host("pay.internal");
  record.mutable_target()->set_port(8443);
  record.set_function("http:GET pay.internal/\x1b[2Jx");
  auto& decision = *record.mutable_decision();
  decision.set_verdict(v1::VERDICT_ALLOW);
  decision.set_enforced(true);
  decision.set_policy("payments");
  decision.set_rule("read");
  decision.set_reason("allowed_by_rule");
  auto& upstream = *record.mutable_upstream();
  upstream.set_required(v1::TLS_REQUIREMENT_MUTUAL);
  upstream.set_reached(true);
  *upstream.mutable_address() = record.destination();
  upstream.set_tls(true);
  upstream.set_verified(true);
  upstream.set_mutual(true);
  upstream.set_tls_version("TLSv1.3");
  upstream.set_cipher("TLS_AES_256_GCM_SHA384");
  upstream.mutable_certificate()->set_subject("CN=pay\nFAKE");
  upstream.mutable_certificate()->set_sha256(std::string(32, '\xab'));
  upstream.mutable_certificate()->set_not_after_seconds(1'800'000'000);
  record.set_outcome(v1::OUTCOME_COMPLETED);
  record.set_status(200);
  record.mutable_request()->set_size(10);
  record.mutable_response()->set_size(1'000'000);
  record.mutable_response()->set_captured_size(65536);
  record.mutable_response()->set_truncated(true);
  record.mutable_response()->set_body_sha256(std::string(32, '\xcd'));
  record.mutable_timings()->set_total_us(100'000);
  return record;
}

}  // namespace callgate::cli::test
