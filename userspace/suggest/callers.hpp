// Who made the calls, as `callers` of a policy can say it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "callgate/v1/record.pb.h"

namespace callgate::suggest {

class Callers {
 public:
  void add(const v1::Record& record);

  // The namespace of a CallPolicy for all of them; false where no single one has them all, so that it must be
  // a ClusterCallPolicy.
  [[nodiscard]] bool share_namespace(std::string& name) const;
  // Lines of YAML below `callers:`, with comments.
  [[nodiscard]] std::string lines(const std::string& workload) const;

 private:
  std::map<std::string, std::uint64_t> processes_;  // calls by path
  std::set<std::string> identities_;
  std::uint64_t unresolved_ = 0;  // calls whose process is not known
  bool too_many_processes_ = false;
  bool too_many_identities_ = false;
};

}  // namespace callgate::suggest
