// Any bytes as a DER certificate of a workload.
#include <cstdlib>

#include "base/bytes.hpp"
#include "identity/svid.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto id = callgate::identity::check_svid_leaf(callgate::Bytes(data, size));
  if (id) {
    if (id->path().empty()) std::abort();
    // The name must be in the certificate as it was reported.
    if (callgate::as_text({data, size}).find(id->text()) == std::string_view::npos) std::abort();
  } else if (id.error().code.rfind("svid_", 0) != 0) {
    std::abort();
  }
  return 0;
}
