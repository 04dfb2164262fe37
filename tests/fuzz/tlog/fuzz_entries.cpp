// Any bytes, behind one that says how many entries they are, as a tile of entries.
#include <cstdlib>

#include "tlog/entry_bundle.hpp"

using callgate::tlog::EntryBundle;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned width = data[0] + 1U;
  const std::string bytes(callgate::as_text({data + 1, size - 1}));
  const auto bundle = EntryBundle::parse(bytes, width);
  if (!bundle) {
    if (bundle.error().code != "bad_entries" && bundle.error().code != "entries_cut") std::abort();
    return 0;
  }
  if (bundle->size() != width) std::abort();
  EntryBundle again;
  for (unsigned i = 0; i < width; ++i)
    again.append(bundle->entry(i));
  if (callgate::as_text(again.bytes()) != bytes) std::abort();
  return 0;
}
