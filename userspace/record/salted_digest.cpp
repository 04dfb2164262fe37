// EVP contexts can neither be stored nor taken up again, and cost more to start than a small body costs to
// hash; hence the low-level functions, which OpenSSL 3 keeps but calls deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "record/salted_digest.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/sha256_pair.hpp"

namespace callgate::record {
namespace {

SHA256_CTX& context_of(std::array<std::uint8_t, 112>& bytes) {
  return *reinterpret_cast<SHA256_CTX*>(bytes.data());
}

}  // namespace

static_assert(sizeof(SHA256_CTX) == 112 && alignof(SHA256_CTX) <= 8);

Salt SaltSource::next() {
  if (used_ + salt_size > block_.size()) {
    if (::RAND_bytes(block_.data(), static_cast<int>(block_.size())) != 1) {
      throw std::runtime_error("OpenSSL has no random bytes");
    }
    used_ = 0;
  }
  Salt salt{};
  std::memcpy(salt.data(), block_.data() + used_, salt_size);
  used_ += salt_size;
  return salt;
}

void SaltedDigest::start(const Salt& salt) {
  ::SHA256_Init(&context_of(context_));
  ::SHA256_Update(&context_of(context_), salt.data(), salt.size());
  started_ = true;
}

void SaltedDigest::add(Bytes bytes) {
  ::SHA256_Update(&context_of(context_), bytes.data(), bytes.size());
}

std::string SaltedDigest::value() const {
  if (!started_) return {};
  auto copy = context_;
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  ::SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context_of(copy));
  return digest;
}

std::string SaltedDigest::save() const {
  if (!started_) return {};
  return {reinterpret_cast<const char*>(context_.data()), context_.size()};
}

bool SaltedDigest::load(std::string_view state) {
  started_ = !state.empty();
  if (!started_) return true;
  if (state.size() != context_.size()) return false;
  std::memcpy(context_.data(), state.data(), context_.size());
  // What a damaged state must never do is make SHA256_Update write outside of its block.
  const SHA256_CTX& context = context_of(context_);
  return context.num < SHA256_CBLOCK && context.md_len == SHA256_DIGEST_LENGTH;
}

// The digest that one half of the pair works on.
class DigestQueue::Lane {
 public:
  Lane(const DigestQueue& queue, std::size_t& next_chain) : queue_(queue), next_chain_(next_chain) {}

  // Gets to where whole blocks come next; false where nothing is left.
  bool find_blocks() {
    for (;;) {
      if (bytes_.empty() && !next_piece()) return false;
      const std::size_t begun = context_->num;
      if (begun == 0 && bytes_.size() >= sha256_block_size) return true;
      update(begun == 0 ? bytes_.size() : std::min(bytes_.size(), sha256_block_size - begun));
    }
  }
  // What is left, alone.
  void finish() {
    do {
      update(bytes_.size());
    } while (next_piece());
  }

  [[nodiscard]] std::size_t blocks() const { return bytes_.size() / sha256_block_size; }
  [[nodiscard]] Sha256Lane lane() { return {context_->h, bytes_.data()}; }
  // Notes that the next `count` blocks are in the state.
  void pass(std::size_t count) {
    const std::size_t size = count * sha256_block_size;
    const std::uint64_t bits = (std::uint64_t{context_->Nh} << 32U | context_->Nl) + std::uint64_t{size} * 8;
    context_->Nl = static_cast<SHA_LONG>(bits);
    context_->Nh = static_cast<SHA_LONG>(bits >> 32U);
    bytes_ = bytes_.subspan(size);
  }

 private:
  bool next_piece() {
    if (piece_ == 0) {
      if (next_chain_ == queue_.chains_.size()) return false;
      const Chain& chain = queue_.chains_[next_chain_++];
      context_ = &context_of(chain.digest->context_);
      piece_ = chain.first;
    }
    const Piece& piece = queue_.pieces_[piece_ - 1];
    bytes_ = piece.bytes;
    piece_ = piece.next;
    return true;
  }
  void update(std::size_t size) {
    ::SHA256_Update(context_, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }

  const DigestQueue& queue_;
  std::size_t& next_chain_;
  SHA256_CTX* context_ = nullptr;
  Bytes bytes_;
  std::uint32_t piece_ = 0;
};

DigestQueue::DigestQueue() : pairs_(has_sha256_pair()) {}

void DigestQueue::add(SaltedDigest& digest, Bytes bytes) {
  pieces_.push_back({bytes, 0});
  const auto piece = static_cast<std::uint32_t>(pieces_.size());
  if (digest.chain_ == 0) {
    chains_.push_back({&digest, piece, piece, bytes.size()});
    digest.chain_ = static_cast<std::uint32_t>(chains_.size());
    return;
  }
  Chain& chain = chains_[digest.chain_ - 1];
  pieces_[chain.last - 1].next = piece;
  chain.last = piece;
  chain.size += bytes.size();
}

void DigestQueue::run() {
  // The longest first, so that no long one is left alone at the end.
  std::sort(chains_.begin(), chains_.end(), [](const Chain& a, const Chain& b) { return a.size > b.size; });
  std::size_t next_chain = 0;
  Lane first(*this, next_chain);
  Lane second(*this, next_chain);
  bool more = first.find_blocks();
  while (more && pairs_ && second.find_blocks()) {
    const std::size_t count = std::min(first.blocks(), second.blocks());
    sha256_pair(first.lane(), second.lane(), count);
    first.pass(count);
    second.pass(count);
    more = first.find_blocks();
  }
  // `second` has nothing left, or `first` has not.
  if (more) {
    first.finish();
  } else if (second.find_blocks()) {
    second.finish();
  }
  for (const Chain& chain : chains_)
    chain.digest->chain_ = 0;
  pieces_.clear();
  chains_.clear();
}

}  // namespace callgate::record
