// Any bytes as a SPIFFE ID: what is accepted must have exactly one spelling.
#include <cstdlib>

#include "base/bytes.hpp"
#include "identity/spiffe_id.hpp"

using callgate::identity::SpiffeId;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = callgate::as_text({data, size});
  const auto id = SpiffeId::parse(text);
  if (!id) {
    if (id.error().code != "bad_spiffe_id" || id.error().message.empty()) std::abort();
    return 0;
  }
  const auto rebuilt = "spiffe://" + std::string(id->trust_domain()) + std::string(id->path());
  if (rebuilt != text || id->text() != text) std::abort();
  if (text.find_first_of("%?#@:\\ ", 9) != std::string_view::npos) std::abort();
  if (text.find("//", 9) != std::string_view::npos || text.back() == '/') std::abort();
  if (!SpiffeId::of_trust_domain(id->trust_domain())) std::abort();
  return 0;
}
