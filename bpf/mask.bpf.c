/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* getpeername and getsockname of a redirected socket answer as if it had not been redirected. */
#include "address.h"
#include "maps.h"

#define ALLOW 1

char LICENSE[] SEC("license") = "GPL";

/* The origin of a connection whose peer really is the gate: a socket may carry an origin from before it left.
 */
static __always_inline const struct callgate_origin* origin_behind(struct bpf_sock_addr* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return 0;
  return bpf_sk_storage_get(&origins, sk, 0, 0);
}

SEC("cgroup/getpeername4")
int peer_name_v4(struct bpf_sock_addr* ctx) {
  const struct callgate_origin* origin = origin_behind(ctx);
  if (!origin || ctx->user_ip4 != LOOPBACK_V4 || ctx->user_port != bpf_htons(origin->gate_port)) return ALLOW;
  ctx->user_ip4 = load_word(origin->flow.destination);
  ctx->user_port = bpf_htons(origin->flow.port);
  return ALLOW;
}

SEC("cgroup/getpeername6")
int peer_name_v6(struct bpf_sock_addr* ctx) {
  const struct callgate_origin* origin = origin_behind(ctx);
  if (!origin || ctx->user_port != bpf_htons(origin->gate_port)) return ALLOW;
  __u32 w0 = ctx->user_ip6[0];
  __u32 w1 = ctx->user_ip6[1];
  __u32 w2 = ctx->user_ip6[2];
  __u32 w3 = ctx->user_ip6[3];
  if (origin->flow.v6) {
    if (!is_loopback_v6(w0, w1, w2, w3)) return ALLOW;
    ctx->user_ip6[0] = load_word(origin->flow.destination);
    ctx->user_ip6[1] = load_word(origin->flow.destination + 4);
    ctx->user_ip6[2] = load_word(origin->flow.destination + 8);
    ctx->user_ip6[3] = load_word(origin->flow.destination + 12);
  } else {
    if (!is_mapped(w0, w1, w2) || w3 != LOOPBACK_V4) return ALLOW;
    ctx->user_ip6[3] = load_word(origin->flow.destination);
  }
  ctx->user_port = bpf_htons(origin->flow.port);
  return ALLOW;
}

SEC("cgroup/getsockname4")
int own_name_v4(struct bpf_sock_addr* ctx) {
  if (!origin_behind(ctx) || ctx->user_ip4 != LOOPBACK_V4) return ALLOW;
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  __u32 source = load_word(config->source_v4);
  if (source) ctx->user_ip4 = source;
  return ALLOW;
}

SEC("cgroup/getsockname6")
int own_name_v6(struct bpf_sock_addr* ctx) {
  const struct callgate_origin* origin = origin_behind(ctx);
  if (!origin) return ALLOW;
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  __u32 w0 = ctx->user_ip6[0];
  __u32 w1 = ctx->user_ip6[1];
  __u32 w2 = ctx->user_ip6[2];
  __u32 w3 = ctx->user_ip6[3];
  if (!origin->flow.v6) {
    __u32 source = load_word(config->source_v4);
    if (source && is_mapped(w0, w1, w2) && w3 == LOOPBACK_V4) ctx->user_ip6[3] = source;
    return ALLOW;
  }
  __u32 s0 = load_word(config->source_v6);
  __u32 s1 = load_word(config->source_v6 + 4);
  __u32 s2 = load_word(config->source_v6 + 8);
  __u32 s3 = load_word(config->source_v6 + 12);
  if (!(s0 | s1 | s2 | s3) || !is_loopback_v6(w0, w1, w2, w3)) return ALLOW;
  ctx->user_ip6[0] = s0;
  ctx->user_ip6[1] = s1;
  ctx->user_ip6[2] = s2;
  ctx->user_ip6[3] = s3;
  return ALLOW;
}
