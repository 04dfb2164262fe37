// SPIFFE IDs: spiffe://<trust domain>/<path>, parsed strictly.
//
// Source: the SPIFFE-ID specification. Where SDKs differ (upper case in scheme or trust domain), this
// refuses: an ID has one spelling, so that comparing text compares identities.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace callgate::identity {

class SpiffeId {
 public:
  static constexpr std::size_t longest = 2048;              // bytes, the whole ID
  static constexpr std::size_t longest_trust_domain = 255;  // bytes

  // Errors: bad_spiffe_id, with what is wrong at which place.
  [[nodiscard]] static Result<SpiffeId> parse(std::string_view text);
  // The ID of a trust domain itself, without a path: what signing certificates carry. Error bad_spiffe_id.
  [[nodiscard]] static Result<SpiffeId> of_trust_domain(std::string_view name);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view trust_domain() const {
    return std::string_view(text_).substr(scheme_size, trust_domain_size_);
  }
  // With its leading slash; empty for the ID of a trust domain.
  [[nodiscard]] std::string_view path() const {
    return std::string_view(text_).substr(scheme_size + trust_domain_size_);
  }

  bool operator==(const SpiffeId&) const = default;

 private:
  static constexpr std::size_t scheme_size = 9;  // spiffe://

  SpiffeId(std::string text, std::size_t trust_domain_size)
      : text_(std::move(text)), trust_domain_size_(trust_domain_size) {}

  std::string text_;
  std::size_t trust_domain_size_;
};

}  // namespace callgate::identity
