// Looks up the addresses of host names on a thread of its own, which name servers may keep waiting.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policy/document.hpp"

namespace callgate::node {

class HostResolver {
 public:
  // Called on the resolver's thread with every host that was asked for; one that was not found has no
  // addresses.
  using Callback = std::function<void(std::vector<policy::ResolvedHost>)>;

  HostResolver();
  // Does not wait for a name server: an answer that is still awaited is dropped.
  ~HostResolver();

  // The latest request replaces one that has not begun yet.
  void resolve(std::vector<std::string> hosts, Callback callback);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this by the time of one look-up
};

}  // namespace callgate::node
