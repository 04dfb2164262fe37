#include "policy/upstream.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

using namespace callgate::policy;

TEST_CASE("merging upstreams does not depend on their order") {
  std::vector<Upstream> all{{TlsRequirement::mutual, Trust::system, false, 0, "", {}},
                            {TlsRequirement::verified, Trust::bundle, true, 0, "spiffe://t/x", {}},
                            {TlsRequirement::verified, Trust::system, true, 8443, "", {}},
                            {TlsRequirement::mutual, Trust::bundle, false, 8443, "spiffe://t/x", {}}};
  std::vector<int> order{0, 1, 2, 3};
  do {
    UpstreamMerge merge;
    for (const int i : order)
      REQUIRE(merge.add(all[static_cast<std::size_t>(i)]));
    CHECK(merge.value() == all[3]);
    REQUIRE(merge.widest() != nullptr);
    CHECK(*merge.widest() == all[3]);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a merge that no upstream says alone has no widest") {
  const Upstream port{TlsRequirement::verified, Trust::system, false, 1, "", {}};
  const Upstream tls{TlsRequirement::mutual, Trust::system, false, 0, "", {}};
  UpstreamMerge merge;
  CHECK(merge.widest() == nullptr);
  REQUIRE(merge.add(port));
  CHECK(merge.widest() == &port);
  REQUIRE(merge.add(tls));
  CHECK(merge.widest() == nullptr);
  CHECK(merge.value() == Upstream{TlsRequirement::mutual, Trust::system, false, 1, "", {}});
}
