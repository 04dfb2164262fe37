#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cstring>

namespace callgate::proxy {
namespace {

// Proofs that are kept while nobody uses them.
constexpr std::size_t most_proofs = 4096;

// A connection that is closed in order keeps its TLS session resumable.
void close_quietly(Stream& stream) {
  stream.end_output();
}

std::size_t hash_of(std::uint64_t workload, const Address& address) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.ip.data(), sizeof(high));
  std::memcpy(&low, address.ip.data() + sizeof(high), sizeof(low));
  const std::uint64_t mixed = (workload * 31 + high) * 31 + low * 31 + address.port;
  return static_cast<std::size_t>(mixed * 0x9e3779b97f4a7c15ULL);
}

}  // namespace

UpstreamFacts UpstreamConnection::facts() const {
  UpstreamFacts facts;
  facts.address = bucket->address();
  facts.reused = reused;
  facts.tls = stream->is_tls();
  if (facts.tls) facts.facts = &stream->tls_facts();
  facts.certificate_digest = certificate_digest;
  return facts;
}

void UpstreamConnection::on_stream_ready() {
  pool_.check(*this);
}

UpstreamBucket::UpstreamBucket(std::uint64_t workload, std::shared_ptr<transport::TlsClient> tls,
                               const Address& address, const policy::Upstream& upstream,
                               std::string_view host, const std::vector<std::string>& protocols)
    : workload_(workload), tls_(std::move(tls)), address_(address) {
  requirement_.verify =
      upstream.tls == policy::TlsRequirement::verified || upstream.tls == policy::TlsRequirement::mutual;
  requirement_.trust_bundle = upstream.trust == policy::Trust::bundle;
  requirement_.require_client_certificate_request = upstream.tls == policy::TlsRequirement::mutual;
  requirement_.allow_tls12 = upstream.allow_tls12;
  requirement_.name = host;
  requirement_.identity = upstream.identity;
  requirement_.application_protocols = protocols;
}

bool UpstreamBucket::serves(std::uint64_t workload, const transport::TlsClient* tls, const Address& address,
                            const policy::Upstream& upstream, std::string_view host,
                            const std::vector<std::string>& protocols) const {
  const bool verify =
      upstream.tls == policy::TlsRequirement::verified || upstream.tls == policy::TlsRequirement::mutual;
  return workload_ == workload && tls_.get() == tls && address_ == address && requirement_.verify == verify &&
         requirement_.trust_bundle == (upstream.trust == policy::Trust::bundle) &&
         requirement_.require_client_certificate_request ==
             (upstream.tls == policy::TlsRequirement::mutual) &&
         requirement_.allow_tls12 == upstream.allow_tls12 && requirement_.identity == upstream.identity &&
         requirement_.name == host && requirement_.application_protocols == protocols;
}

UpstreamPool::~UpstreamPool() {
  clear();
}

std::shared_ptr<UpstreamBucket> UpstreamPool::bucket(const std::shared_ptr<UpstreamBucket>& hint,
                                                     std::uint64_t workload,
                                                     const std::shared_ptr<transport::TlsClient>& tls,
                                                     const Address& address, const policy::Upstream& upstream,
                                                     std::string_view host,
                                                     const std::vector<std::string>& protocols) {
  if (hint != nullptr && hint->serves(workload, tls.get(), address, upstream, host, protocols)) return hint;
  const std::size_t hash = hash_of(workload, address);
  const auto [first, last] = buckets_.equal_range(hash);
  const auto found = std::find_if(first, last, [&](const auto& entry) {
    return entry.second->serves(workload, tls.get(), address, upstream, host, protocols);
  });
  if (found != last) return found->second;
  return buckets_
      .emplace(hash, std::make_shared<UpstreamBucket>(workload, tls, address, upstream, host, protocols))
      ->second;
}

std::unique_ptr<UpstreamConnection> UpstreamPool::take(UpstreamBucket& bucket, StreamUser& user) {
  if (bucket.idle_.empty()) return nullptr;
  auto connection = std::move(bucket.idle_.back());
  bucket.idle_.pop_back();
  --size_;
  connection->stream->use(user);
  connection->reused = true;
  return connection;
}

void UpstreamPool::give_back(std::unique_ptr<UpstreamConnection> connection, Nanoseconds now) {
  UpstreamBucket& bucket = *connection->bucket;
  Stream& stream = *connection->stream;
  if (bucket.retired_ || bucket.idle_.size() >= settings_.pool_idle || size_ >= settings_.connections ||
      stream.broken() || stream.blocked()) {
    close_quietly(stream);
    return;
  }
  connection->idle_since_ = now;
  stream.use(*connection);
  bucket.idle_.push_back(std::move(connection));
  ++size_;
}

void UpstreamPool::check(UpstreamConnection& idle) {
  Stream& stream = *idle.stream;
  if (!stream.readable() && !stream.broken()) return;
  if (!stream.broken() && stream.read(shared_).status == IoStatus::want_read) return;
  close_quietly(stream);
  // The connection's own pointer may be all that keeps the bucket.
  const std::shared_ptr<UpstreamBucket> bucket = idle.bucket;
  --size_;
  std::erase_if(bucket->idle_, [&](const auto& kept) { return kept.get() == &idle; });
}

void UpstreamPool::sweep(Nanoseconds now, const Workloads& workloads) {
  for (const auto& [hash, bucket] : buckets_) {
    const auto workload = workloads.find(bucket->workload_);
    const bool stale = workload == nullptr ||
                       (bucket->tls_ != nullptr && bucket->tls_.get() != workload->existing_tls_client());
    auto& idle = bucket->idle_;
    if (stale) bucket->proof = nullptr;
    // Used least lately first.
    while (!idle.empty() && (stale || now - idle.front()->idle_since_ > settings_.pool_idle_timeout)) {
      close_quietly(*idle.front()->stream);
      idle.erase(idle.begin());
      --size_;
    }
  }
  // Buckets that only the pool still knows. A proof keeps one, of so many.
  std::size_t proofs = 0;
  std::erase_if(buckets_, [&](const auto& entry) {
    if (!entry.second->idle_.empty() || entry.second.use_count() != 1) return false;
    const auto& proof = entry.second->proof;
    return proof == nullptr || proof->valid_until <= now || ++proofs > most_proofs;
  });
}

void UpstreamPool::clear() {
  for (const auto& [hash, bucket] : buckets_) {
    for (const auto& idle : bucket->idle_)
      close_quietly(*idle->stream);
    bucket->idle_.clear();
    bucket->retired_ = true;
  }
  buckets_.clear();
  size_ = 0;
}

}  // namespace callgate::proxy
