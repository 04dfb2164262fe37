// What was called at one host and port, and how it was reached.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "callgate/v1/record.pb.h"
#include "suggest/path_tree.hpp"
#include "suggest/recorded_call.hpp"
#include "suggest/seen.hpp"

namespace callgate::suggest {

// How targets were reached, as far as records say it.
class UpstreamEvidence {
 public:
  void add(const v1::Record& record);

  // "{port: 8443, tls: mutual, identity: \"spiffe://...\"}", or nothing where the defaults say it.
  [[nodiscard]] std::string flow_map() const;
  // Lines of comment, each with `indent` before it.
  [[nodiscard]] std::string comments(const std::string& indent) const;

 private:
  [[nodiscard]] v1::TlsRequirement requirement() const;
  [[nodiscard]] bool is_weak() const;

  struct Count {
    std::uint64_t calls = 0;
    std::uint64_t reached = 0;
  };
  std::map<int, Count> required_;     // by v1::TlsRequirement
  std::set<std::uint32_t> ports_;     // other than the one that was dialled
  std::set<std::string> identities_;  // SPIFFE IDs of the workload's own trust domain that targets proved
  bool other_certificates_ = false;   // without one
  bool tls12_ = false;
};

struct TargetEvidence {
  std::string host;  // canonical, exact
  std::uint16_t port = 0;
  UpstreamEvidence upstream;
  std::map<std::string, PathTree> http;  // by method
  Seen tls;
  Seen tcp;
  std::set<std::string> addresses;  // that `tcp` was dialled at; a few

  [[nodiscard]] std::size_t nodes() const;
};

}  // namespace callgate::suggest
