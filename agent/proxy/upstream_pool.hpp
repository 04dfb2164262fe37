// Connections to targets, kept for the next call of the same workload that asks the same of the same target.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"
#include "policy/engine.hpp"
#include "proxy/recorder.hpp"
#include "proxy/settings.hpp"
#include "proxy/stream.hpp"
#include "proxy/workloads.hpp"

namespace callgate::proxy {

class Probe;
class UpstreamBucket;
class UpstreamPool;

// A connection that has proved itself (TLS handshake done, or plaintext where permitted). Its stream tells
// whoever uses it; while it is idle, the connection itself looks after it.
class UpstreamConnection final : private StreamUser {
 public:
  explicit UpstreamConnection(UpstreamPool& pool) : pool_(pool) {}

  std::unique_ptr<Stream> stream;
  std::shared_ptr<UpstreamBucket>
      bucket;                      // where it returns to; shared: calls and idle connections point to it
  std::string certificate_digest;  // 32 bytes, or none
  bool reused = false;

  // For records. Valid as long as this is.
  [[nodiscard]] UpstreamFacts facts() const;

 private:
  friend class UpstreamPool;
  // A peer that closes, or that speaks unasked; or TLS tickets that come late, which are harmless.
  void on_stream_ready() override;

  UpstreamPool& pool_;
  Nanoseconds idle_since_ = 0;
};

// Everything that connections of one kind have in common. What differs in any of it never shares a
// connection.
class UpstreamBucket {
 public:
  // What a target proved on a connection that was made to ask.
  struct Proof {
    transport::TlsFacts facts;
    std::string certificate_digest;  // 32 bytes
    Nanoseconds valid_until = 0;
  };

  // `host` is lower case. `tls` is null for plaintext. `protocols`: ALPN to offer.
  UpstreamBucket(std::uint64_t workload, std::shared_ptr<transport::TlsClient> tls, const Address& address,
                 const policy::Upstream& upstream, std::string_view host,
                 const std::vector<std::string>& protocols = {});

  [[nodiscard]] bool serves(std::uint64_t workload, const transport::TlsClient* tls, const Address& address,
                            const policy::Upstream& upstream, std::string_view host,
                            const std::vector<std::string>& protocols) const;
  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] const std::shared_ptr<transport::TlsClient>& tls() const { return tls_; }
  [[nodiscard]] const transport::TargetRequirement& requirement() const { return requirement_; }

  // For callers that speak TLS themselves; shared with the calls that rely on it.
  std::shared_ptr<const Proof> proof;
  std::weak_ptr<Probe> probe;  // the one under way, if any; owned by the thread's Probes

 private:
  friend class UpstreamPool;

  std::uint64_t workload_;
  std::shared_ptr<transport::TlsClient> tls_;  // shared with the workload and its other buckets
  Address address_;
  transport::TargetRequirement requirement_;
  bool retired_ = false;                                   // the pool does not know it any more
  std::vector<std::unique_ptr<UpstreamConnection>> idle_;  // the one used last is at the end
};

class UpstreamPool {
 public:
  explicit UpstreamPool(const Settings& settings) : settings_(settings) {}
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // The bucket for these facts; `hint`, if it fits, saves the search.
  [[nodiscard]] std::shared_ptr<UpstreamBucket> bucket(
      const std::shared_ptr<UpstreamBucket>& hint, std::uint64_t workload,
      const std::shared_ptr<transport::TlsClient>& tls, const Address& address,
      const policy::Upstream& upstream, std::string_view host, const std::vector<std::string>& protocols);
  // The idle connection that was used last, or null. Its events go to `user`.
  [[nodiscard]] std::unique_ptr<UpstreamConnection> take(UpstreamBucket& bucket, StreamUser& user);
  // Keeps a connection on which nothing is under way. Where there is no room (in the bucket, or in all of
  // them together, which keep as many as there may be callers), or it is not quiet, it is closed.
  void give_back(std::unique_ptr<UpstreamConnection> connection, Nanoseconds now);
  // Closes what has been idle for too long, and what its workload could not use again.
  void sweep(Nanoseconds now, const Workloads& workloads);
  void clear();

  // Where bytes go that idle connections receive, to be looked at no further.
  void read_into(std::span<std::uint8_t> buffer) { shared_ = buffer; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend class UpstreamConnection;
  // Something happened on an idle connection: closes it unless it is still of use.
  void check(UpstreamConnection& idle);

  const Settings& settings_;
  std::span<std::uint8_t> shared_;
  // By a hash of workload and address.
  std::unordered_multimap<std::size_t, std::shared_ptr<UpstreamBucket>> buckets_;
  std::size_t size_ = 0;
};

}  // namespace callgate::proxy
