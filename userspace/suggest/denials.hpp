// What was not let go: calls that enforced policies denied, and what no policy can allow. A suggestion lists
// them, and does not allow them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "callgate/v1/record.pb.h"
#include "suggest/recorded_call.hpp"
#include "suggest/seen.hpp"

namespace callgate::suggest {

struct Denial {
  std::string host;  // canonical
  std::uint16_t port = 0;
  std::string protocol;
  std::string method;
  std::string path;
  std::string why;  // "by rule no-admin of policy tests: not for services"
  Seen seen;
};

class Denials {
 public:
  void add(const v1::Record& record, const RecordedCall& call);
  // Of calls that were let go: the same may have been denied at another time.
  void note_used(const RecordedCall& call);
  // `why` is one of a few texts.
  void add_impossible(const v1::Record& record, std::string_view why);
  void add_flow(const v1::Record& record);

  [[nodiscard]] std::vector<const Denial*> all() const;
  // Whether the same call was let go at another time.
  [[nodiscard]] bool was_used(const Denial& denial) const;
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  // Lines of comment.
  [[nodiscard]] std::string listing() const;

 private:
  [[nodiscard]] std::string denied_calls() const;

  using Key = std::tuple<std::string, std::uint16_t, std::string, std::string, std::string>;

  std::map<Key, Denial> denials_;
  boost::unordered_flat_set<std::uint64_t> used_;  // hashes of calls that were let go
  std::map<std::string, Seen, std::less<>> impossible_;
  std::map<std::string, std::uint64_t, std::less<>> flows_;  // by error code
  std::uint64_t calls_ = 0;
  std::uint64_t not_kept_ = 0;  // of them, for want of room
};

}  // namespace callgate::suggest
