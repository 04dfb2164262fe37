/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* sendmsg4 and sendmsg6 on a workload's cgroup: datagrams to port 443 (QUIC) are refused, so that clients use
 * TCP. */
#include "address.h"
#include "config.h"
#include "maps.h"
#include "verdict.h"

#define ECONNREFUSED 111
#define HTTPS_PORT 443
#define ALLOW 1
#define REFUSE 0

char LICENSE[] SEC("license") = "GPL";

static __always_inline int judge_datagram(struct bpf_sock_addr* ctx) {
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  if (config->flags & CALLGATE_READY) {
    if (ctx->user_port != bpf_htons(HTTPS_PORT) || !(config->flags & CALLGATE_REFUSE_UDP_443)) return ALLOW;
    if (judge_and_count(config, callgate_counter_refused_udp_443) != VERDICT_REFUSE) return ALLOW;
  } else {
    count(callgate_counter_refused_not_ready);
  }
  if (has_set_retval_in_sock_addr) bpf_set_retval(-ECONNREFUSED);
  return REFUSE;
}

SEC("cgroup/sendmsg4")
int send_v4(struct bpf_sock_addr* ctx) {
  if (is_loopback_v4(ctx->user_ip4)) return ALLOW;
  return judge_datagram(ctx);
}

SEC("cgroup/sendmsg6")
int send_v6(struct bpf_sock_addr* ctx) {
  __u32 w0 = ctx->user_ip6[0];
  __u32 w1 = ctx->user_ip6[1];
  __u32 w2 = ctx->user_ip6[2];
  __u32 w3 = ctx->user_ip6[3];
  if (is_loopback_v6(w0, w1, w2, w3) || (is_mapped(w0, w1, w2) && is_loopback_v4(w3))) return ALLOW;
  return judge_datagram(ctx);
}
