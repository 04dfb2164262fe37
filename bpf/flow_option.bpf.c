/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* getsockopt on the cgroup of the gates: lets whoever holds an accepted socket, and nobody else, read its
 * flow. */
#include "maps.h"

#define ALLOW 1

char LICENSE[] SEC("license") = "GPL";

SEC("cgroup/getsockopt")
int read_flow_option(struct bpf_sockopt* ctx) {
  if (ctx->level != CALLGATE_SOL_FLOW || ctx->optname != CALLGATE_SO_FLOW) return ALLOW;
  struct callgate_flow* answer = ctx->optval;
  void* end = ctx->optval_end;
  if ((void*)(answer + 1) > end) return ALLOW;
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return ALLOW;
  const struct callgate_flow* flow = bpf_sk_storage_get(&accepted_flows, sk, 0, 0);
  if (!flow) return ALLOW;
  *answer = *flow;
  /* volatile: the two stores must not be merged into one, which the verifier does not accept. */
  *(volatile __s32*)&ctx->optlen = sizeof(*answer);
  *(volatile __s32*)&ctx->retval = 0;
  return ALLOW;
}
