/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * cgroup_skb/egress on a workload's cgroup: a connection of the workload starts by loopback or not at all,
 * whatever happened to its address after the connect hook (a NAT rule of the workload's own network
 * namespace, for one).
 */
#include "maps.h"
#include "transport.h"
#include "verdict.h"

#define LOOPBACK_INDEX 1 /* of lo, in every network namespace */
#define HTTPS_PORT 443
#define ALLOW 1
#define REFUSE 0

char LICENSE[] SEC("license") = "GPL";

static __always_inline int starts_connection(struct __sk_buff* skb, const struct transport* transport) {
  struct bpf_sock* sk = skb->sk;
  if (sk && sk->state == BPF_TCP_SYN_SENT) {
    sk = bpf_sk_fullsock(sk);
    if (sk && sk->protocol == PROTOCOL_TCP) return 1;
  }
  if (!transport->found || transport->protocol != PROTOCOL_TCP || transport->fragment_offset) return 0;
  __u8 flags;
  if (read_packet(skb, transport->offset + TCP_FLAGS_OFFSET, &flags, 1)) return 0;
  return is_request_to_connect(flags);
}

SEC("cgroup_skb/egress")
int guard_egress(struct __sk_buff* skb) {
  if (skb->ifindex == LOOPBACK_INDEX) return ALLOW;
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  struct transport transport = {};
  if (skb->protocol == bpf_htons(ETH_P_IP))
    find_transport_v4(skb, &transport);
  else if (skb->protocol == bpf_htons(ETH_P_IPV6))
    find_transport_v6(skb, &transport);

  if (starts_connection(skb, &transport))
    return judge_and_count(config, callgate_counter_refused_direct_syn) == VERDICT_REFUSE ? REFUSE : ALLOW;

  if (transport.found && transport.protocol == PROTOCOL_UDP && !transport.fragment_offset &&
      (!(config->flags & CALLGATE_READY) || (config->flags & CALLGATE_REFUSE_UDP_443))) {
    __u16 port;
    if (!read_packet(skb, transport.offset + 2, &port, sizeof(port)) && port == bpf_htons(HTTPS_PORT))
      return judge_and_count(config, callgate_counter_refused_udp_443) == VERDICT_REFUSE ? REFUSE : ALLOW;
  }
  return ALLOW;
}
