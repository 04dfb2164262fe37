#include "cli/record_text.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

std::string hex(const std::string& bytes) {
  return to_hex(as_bytes(bytes));
}

std::string function_of(const v1::Record& record) {
  if (!record.function().empty()) return record.function();
  return record.kind() == v1::Record::KIND_FLOW ? "tcp:connect " + show_endpoint(record.destination()) : "";
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  }
  return text;
}

std::string process_text(const v1::Process& process) {
  if (process.tgid() == 0) return {};
  const auto path = process.exe_path().empty() ? std::string("unknown program") : process.exe_path();
  return fmt::format("{} (pid {})", path, process.tgid());
}

std::string decision_detail(const v1::Record& record) {
  const auto& decision = record.decision();
  const auto policy = decision.policy().empty() ? "" : "policy " + decision.policy();
  const auto rule = decision.rule().empty() ? "" : "rule " + decision.rule();
  if (!decision.has_trial()) return joined({decision_text(record), policy, rule, decision.reason()});
  const auto& trial = decision.trial();
  const auto trial_rule = trial.rule().empty() ? "" : ", rule " + trial.rule();
  return joined({decision_text(record), policy, rule, decision.reason(),
                 fmt::format("observed policy {}{}: {}", trial.policy(), trial_rule, trial.reason())});
}

std::string upstream_text(const v1::Upstream& upstream) {
  const bool untouched = upstream.required() == v1::TLS_REQUIREMENT_UNTOUCHED;
  const auto required = untouched ? std::string() : "required: " + requirement_name(upstream.required());
  if (!upstream.reached()) return joined({"not reached", required});
  std::string protection;
  if (upstream.plaintext()) protection = "PLAINTEXT";
  if (upstream.tls()) {
    const char* const proof = upstream.verified() ? "verified" : upstream.probed() ? "probed" : "UNVERIFIED";
    protection = joined({upstream.tls_version(), upstream.cipher(), proof,
                         upstream.mutual() ? "client certificate sent" : ""});
  }
  return joined({show_endpoint(upstream.address()), protection, upstream.reused() ? "kept connection" : "",
                 upstream.resumed() ? "resumed session" : "", required});
}

std::string client_text(const v1::ClientTls& client) {
  return joined(
      {client.server_name().empty() ? "names no server" : "for " + client.server_name(),
       client.encrypted_client_hello() ? "with an encrypted hello (ECH), which may name another" : "",
       client.versions(), client.protocols().empty() ? "" : "ALPN " + client.protocols()});
}

std::string certificate_text(const v1::Certificate& certificate) {
  const auto until = certificate.not_after_seconds() == 0
                         ? std::string()
                         : "valid until " + show_time(certificate.not_after_seconds() * 1'000'000'000U);
  return joined({certificate.subject(), certificate.spiffe_id(), until});
}

// Where the time went, step by step: a step that did not happen is left out.
std::string timings_text(const v1::Record& record) {
  const auto& timings = record.timings();
  std::string text;
  std::uint32_t reached = 0;
  for (const auto& [name, at] :
       {std::pair{"connected in", timings.connected_us()}, std::pair{"TLS in", timings.handshaken_us()},
        std::pair{"first byte of the answer after", timings.first_byte_us()},
        std::pair{"rest in", timings.total_us()}}) {
    if (at <= reached || (at == timings.total_us() && reached == 0)) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, show_microseconds(at - reached));
    reached = at;
  }
  return joined({text, timings.total_us() == 0 ? "" : "whole " + show_microseconds(timings.total_us())});
}

std::string content_text(const v1::Content& content) {
  const auto captured = content.truncated()
                            ? fmt::format("captured {} (truncated)", show_size(content.captured_size()))
                            : std::string();
  return joined({show_size(content.size()), captured});
}

}  // namespace

std::string decision_text(const v1::Record& record) {
  if (!record.has_decision() || record.decision().verdict() == v1::VERDICT_UNSPECIFIED) return "-";
  const std::string verdict = record.decision().verdict() == v1::VERDICT_ALLOW ? "allow" : "deny";
  if (record.decision().has_trial()) return verdict + " (would deny)";
  return record.decision().enforced() ? verdict : verdict + " (observed)";
}

Colour outcome_colour(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_COMPLETED:
      return Colour::good;
    case v1::OUTCOME_CALLER_ABORTED:
    case v1::OUTCOME_INTERRUPTED:
      return Colour::warning;
    default:
      return Colour::bad;
  }
}

std::vector<Column> record_columns() {
  return {{"TIME"},     {"SESSION"},       {"WORKLOAD", true}, {"FUNCTION", true},
          {"DECISION"}, {"OUTCOME", true}, {"STATUS"},         {"TOOK", false, true}};
}

std::vector<Cell> record_row(const v1::Record& record) {
  auto outcome = outcome_name(record.outcome());
  if (!record.error_code().empty()) outcome += ": " + record.error_code();
  return {show_time(record.opened_ns()),
          hex(record.session_id()),
          record.workload().name(),
          function_of(record),
          decision_text(record),
          {outcome, outcome_colour(record.outcome())},
          record.status() == 0 ? std::string() : std::to_string(record.status()),
          show_microseconds(record.timings().total_us())};
}

std::string record_line(const v1::Record& record, const Output& output) {
  const auto row = record_row(record);
  std::string line;
  for (std::size_t index = 0; index < row.size(); ++index) {
    const auto text = row[index].text.empty() ? std::string("-") : safe(row[index].text);
    line += (index == 0 ? "" : "  ") + output.paint(text, row[index].colour);
  }
  return line;
}

void print_record(const v1::Record& record, const Output& output) {
  const bool flow = record.kind() == v1::Record::KIND_FLOW;
  output.out << output.paint(fmt::format("{} {}", flow ? "flow of session" : "call",
                                         hex(flow ? record.session_id() : record.call_id())),
                             Colour::strong)
             << '\n';
  const auto line = [&](std::string_view name, const std::string& text, Colour colour = Colour::none) {
    if (!text.empty())
      output.out << fmt::format("  {:<12} ", name) << output.paint(safe(text), colour) << '\n';
  };
  line("session", hex(record.session_id()));
  line("time", joined({show_time(record.opened_ns()), timings_text(record)}));
  line("workload", joined({record.workload().name().empty() ? "unknown" : record.workload().name(),
                           record.workload().spiffe_id()}));
  line("process", process_text(record.process()));
  line("function", function_of(record));
  line("destination", show_endpoint(record.destination()));
  if (!record.target().host().empty())
    line("target", fmt::format("{}:{}", record.target().host(), record.target().port()));
  if (record.has_client_tls()) line("client TLS", client_text(record.client_tls()));
  if (record.has_decision()) line("decision", decision_detail(record));
  if (record.has_upstream()) {
    const bool weak =
        record.upstream().reached() && (record.upstream().plaintext() || record.upstream().unverified());
    line("upstream", upstream_text(record.upstream()), weak ? Colour::warning : Colour::none);
  }
  if (record.upstream().has_certificate()) {
    line("certificate", certificate_text(record.upstream().certificate()));
    line("", "sha256 " + hex(record.upstream().certificate().sha256()));
  }
  const auto status = record.status() == 0 ? std::string() : fmt::format("status {}", record.status());
  line("outcome",
       joined({outcome_name(record.outcome()), status, record.error_code(), record.error_detail()}),
       outcome_colour(record.outcome()));
  for (const auto& [name, content] :
       {std::pair{"request", &record.request()}, std::pair{"response", &record.response()}}) {
    if (flow) continue;
    line(name, content_text(*content));
    if (!content->head_sha256().empty()) line("", "head sha256 " + hex(content->head_sha256()));
    if (!content->body_sha256().empty()) line("", "body sha256 " + hex(content->body_sha256()));
  }
  if (flow) {
    line("bytes",
         fmt::format("{} from the caller, {} to the caller", show_size(record.session().received_bytes()),
                     show_size(record.session().sent_bytes())));
  }
  if (record.text_truncated()) line("note", "some text above was too long for the record and was cut");
}

}  // namespace callgate::cli
