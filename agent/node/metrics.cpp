#include "node/metrics.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/clock.hpp"
#include "callgate/v1/control.pb.h"
#include "callgate/v1/record.pb.h"
#include "index/outcome_name.hpp"

namespace callgate::node {
namespace {

using prometheus::Histogram;

const Histogram::BucketBoundaries& seconds() {
  static const Histogram::BucketBoundaries bounds{.0005, .001, .0025, .005, .01, .025, .05, .1,
                                                  .25,   .5,   1,     2.5,  5,   10,   30};
  return bounds;
}

std::string protocol_of(std::string_view function) {
  for (const std::string_view known : {"http", "tls", "tcp"}) {
    if (function.starts_with(known) && function.substr(known.size()).starts_with(":"))
      return std::string(known);
  }
  return "none";
}

std::string decision_of(const v1::Decision& decision) {
  if (decision.verdict() == v1::VERDICT_UNSPECIFIED) return "none";
  return decision.verdict() == v1::VERDICT_ALLOW ? "allow" : "deny";
}

// The earliest of what was noted in this period and the one before it. One thread notes.
class EarliestEnd {
 public:
  void note(std::uint64_t end, std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    turn(now_ns);
    if (current_ == 0 || end < current_) current_ = end;
  }
  [[nodiscard]] std::uint64_t value(std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    turn(now_ns);
    if (current_ == 0 || previous_ == 0) return std::max(current_, previous_);
    return std::min(current_, previous_);
  }

 private:
  static constexpr std::uint64_t period_ns = 600'000'000'000;

  void turn(std::uint64_t now_ns) {
    if (now_ns - began_ns_ < period_ns) return;
    previous_ = now_ns - began_ns_ < 2 * period_ns ? current_ : 0;
    current_ = 0;
    began_ns_ = now_ns;
  }

  std::mutex mutex_;
  std::uint64_t began_ns_ = 0;
  std::uint64_t current_ = 0;
  std::uint64_t previous_ = 0;
};

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& calls =
      prometheus::BuildCounter()
          .Name("callgate_calls_total")
          .Help("Calls and refused flows that have their record, by decision, mode, outcome and protocol.")
          .Register(registry);
  prometheus::Family<Histogram>& phases = prometheus::BuildHistogram()
                                              .Name("callgate_call_duration_seconds")
                                              .Help(
                                                  "Time from a call's opening until its target was "
                                                  "connected, its TLS done, the first byte of the answer "
                                                  "there, and the whole of it.")
                                              .Register(registry);
  Histogram& connected = phases.Add({{"phase", "connected"}}, seconds());
  Histogram& handshaken = phases.Add({{"phase", "tls"}}, seconds());
  Histogram& first_byte = phases.Add({{"phase", "first_byte"}}, seconds());
  Histogram& whole = phases.Add({{"phase", "whole"}}, seconds());
  EarliestEnd target_certificates;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::note(const v1::Record& record) {
  const bool call = record.kind() == v1::Record::KIND_CALL;
  state_->calls
      .Add({{"decision", decision_of(record.decision())},
            {"mode", record.session().enforced() ? "enforce" : "observe"},
            {"outcome", index::outcome_name(record.outcome())},
            {"protocol", call ? protocol_of(record.function()) : "none"}})
      .Increment();
  if (!call) return;
  const v1::Certificate& certificate = record.upstream().certificate();
  if (certificate.not_after_seconds() != 0)
    state_->target_certificates.note(certificate.not_after_seconds(), monotonic_ns());
  const auto observe = [](Histogram& histogram, std::uint32_t microseconds) {
    if (microseconds != 0) histogram.Observe(microseconds / 1e6);
  };
  const v1::Timings& timings = record.timings();
  observe(state_->connected, timings.connected_us());
  observe(state_->handshaken, timings.handshaken_us());
  observe(state_->first_byte, timings.first_byte_us());
  observe(state_->whole, timings.total_us());
}

std::string Metrics::text(const v1::StatusReply& status) const {
  prometheus::Registry now;
  const auto gauge = [&now](const char* name, const char* help, double value,
                            const prometheus::Labels& labels = {}) {
    prometheus::BuildGauge().Name(name).Help(help).Register(now).Add(labels).Set(value);
  };
  const auto counter = [&now](const char* name, const char* help, double value,
                              const prometheus::Labels& labels = {}) {
    prometheus::BuildCounter().Name(name).Help(help).Register(now).Add(labels).Increment(value);
  };
  gauge("callgate_build_info", "The version of the agent.", 1, {{"version", status.version()}});
  gauge("callgate_start_time_seconds", "When the agent started, since 1970.",
        static_cast<double>(status.started_at()) / 1e9);
  gauge("callgate_workloads", "Workloads that are enrolled.", status.workloads());
  counter("callgate_proxy_restarts_total", "Times that callgate-proxy ended and was started again.",
          status.proxy_restarts());
  gauge("callgate_policy_version", "Number of the set of policies in force; grows with each change.",
        static_cast<double>(status.policies().version()));
  gauge("callgate_policy_documents", "Policies in force.", status.policies().documents());
  gauge("callgate_policies_rejected", "1 while newer policy files cannot be used.",
        status.policies().problems().empty() ? 0 : 1);
  gauge("callgate_recording_failed", "1 while nothing can be recorded, so that calls are refused.",
        status.store().problem().empty() ? 0 : 1);
  gauge("callgate_store_records", "Records in the store.", static_cast<double>(status.store().records()));
  gauge("callgate_journal_bytes", "Size of the journal's present segment.",
        static_cast<double>(status.store().journal_bytes()));
  gauge("callgate_journal_synced_time_seconds", "When the journal was last written through, since 1970.",
        static_cast<double>(status.store().synced_at()) / 1e9);
  const auto end = [&gauge](const char* name, const char* help, double value) {
    if (value != 0) gauge(name, help, value);
  };
  end("callgate_svid_end_time_seconds",
      "When the certificate of a workload that ends first does so, since 1970; they are renewed at half of "
      "their life.",
      static_cast<double>(status.svid_not_after()) / 1e9);
  end("callgate_authority_end_time_seconds", "When the root of the own trust domain ends, since 1970.",
      static_cast<double>(status.authority_not_after()) / 1e9);
  end("callgate_target_certificate_end_time_seconds",
      "When the first one ends of the certificates that targets of the last 10 to 20 minutes proved "
      "themselves with, since 1970.",
      static_cast<double>(state_->target_certificates.value(monotonic_ns())));
  for (const auto& thread : status.threads()) {
    const prometheus::Labels labels{{"thread", std::to_string(thread.thread())}};
    counter("callgate_flows_total", "Connections that a proxy thread accepted, since the proxy's start.",
            static_cast<double>(thread.flows()), labels);
    counter("callgate_calls_unrecorded_total",
            "Calls that went on without a record, as their policies let them; gaps tell of them.",
            static_cast<double>(thread.calls_unrecorded()), labels);
    counter("callgate_flows_without_origin_total",
            "Connections to a gate that nobody redirected; they are closed.",
            static_cast<double>(thread.flows_without_origin()), labels);
    gauge("callgate_connections", "Connections of workloads that are open.",
          static_cast<double>(thread.open_connections()), labels);
    gauge("callgate_pooled_connections", "Idle connections to targets.",
          static_cast<double>(thread.pooled_connections()), labels);
    gauge("callgate_ring_used_bytes", "What a thread's ring holds for the recorder.",
          static_cast<double>(thread.ring_used()), labels);
    gauge("callgate_ring_size_bytes", "Size of a thread's ring.", static_cast<double>(thread.ring_size()),
          labels);
  }
  // No counter: what a workload that is gone had counted is gone with it.
  for (const auto& event : status.kernel_counters()) {
    gauge("callgate_kernel_events",
          "What the kernel programs counted for the gates and the workloads of now, by kind: drops of the "
          "guards among them.",
          static_cast<double>(event.value()), {{"event", event.name()}});
  }
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  for (auto& family : now.Collect())
    families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace callgate::node
