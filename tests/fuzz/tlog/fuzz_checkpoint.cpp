// Any bytes as the text of a checkpoint: what is accepted has one spelling.
#include <cstdlib>

#include "base/bytes.hpp"
#include "tlog/checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = callgate::as_text({data, size});
  const auto checkpoint = callgate::tlog::Checkpoint::parse(text);
  if (checkpoint ? checkpoint->text() != text : checkpoint.error().code != "bad_checkpoint") std::abort();
  return 0;
}
