#include "kernel/counters.hpp"

#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace callgate::kernel {

Result<std::vector<std::uint64_t>> sum_over_cpus(int map_fd, const void* key, std::size_t count) {
  const int cpus = ::libbpf_num_possible_cpus();
  if (cpus <= 0) return system_error("number of processors", -cpus);
  std::vector<std::uint64_t> values(count * static_cast<std::size_t>(cpus));
  if (::bpf_map_lookup_elem(map_fd, key, values.data()) != 0) {
    if (errno == ENOENT) return make_error("no_entry", "there are no counters under this key");
    return system_error("read counters", errno);
  }
  std::vector<std::uint64_t> sums(count);
  for (std::size_t i = 0; i < values.size(); ++i)
    sums[i % count] += values[i];
  return sums;
}

}  // namespace callgate::kernel
