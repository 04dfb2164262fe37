/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * tc ingress on the host-side end of a workload's veth: connections that do not start in a cgroup of the
 * agent do not start. It sees what no hook of the workload's cgroup sees (packet sockets, sockets made before
 * enrolment or received from elsewhere, nested namespaces), and nobody inside the workload's network
 * namespace can remove it.
 */
#include "maps.h"
#include "transport.h"
#include "verdict.h"

#define HTTPS_PORT 443
#define TC_ACT_UNSPEC (-1) /* go on to the next filter */
#define TC_ACT_SHOT 2
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8

char LICENSE[] SEC("license") = "GPL";

static __always_inline void count_on_device(__u32 device, __u32 counter) {
  struct callgate_device_counters* counters = bpf_map_lookup_elem(&device_counters, &device);
  if (counters && counter < callgate_device_counter_count)
    __sync_fetch_and_add(&counters->values[counter], 1);
}

static __always_inline int is_of_agent(struct __sk_buff* skb) {
  __u64 cgroup = bpf_skb_cgroup_id(skb);
  return cgroup && bpf_map_lookup_elem(&agent_cgroups, &cgroup);
}

/* The counter (its refused_X) of what should not pass; callgate_device_counter_count for anything else. */
static __always_inline __u32 find_fault(struct __sk_buff* skb, __u32 flags) {
  const __u32 nothing = callgate_device_counter_count;
  struct transport transport = {};
  __u32 protocol = skb->protocol;
  if (protocol == bpf_htons(ETH_P_IP))
    find_transport_v4(skb, &transport);
  else if (protocol == bpf_htons(ETH_P_IPV6))
    find_transport_v6(skb, &transport);
  else if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD))
    return callgate_device_counter_refused_opaque; /* a tag inside a tag */
  else
    return nothing;
  if (!transport.found) return callgate_device_counter_refused_opaque;

  if (transport.protocol == PROTOCOL_TCP) {
    /* A fragment that would bring or overwrite the flags is no honest one: no TCP sends them. */
    if (transport.fragment_offset)
      return transport.fragment_offset <= TCP_FLAGS_OFFSET ? callgate_device_counter_refused_fragment
                                                           : nothing;
    __u8 tcp_flags;
    if (read_packet(skb, transport.offset + TCP_FLAGS_OFFSET, &tcp_flags, 1))
      return callgate_device_counter_refused_fragment;
    return is_request_to_connect(tcp_flags) ? callgate_device_counter_refused_syn : nothing;
  }
  if (transport.protocol == PROTOCOL_UDP && (flags & CALLGATE_REFUSE_UDP_443) && !transport.fragment_offset) {
    __u16 port;
    if (!read_packet(skb, transport.offset + 2, &port, sizeof(port)) && port == bpf_htons(HTTPS_PORT))
      return callgate_device_counter_refused_udp_443;
  }
  if (transport.protocol == PROTOCOL_SCTP && (flags & CALLGATE_REFUSE_SCTP))
    return callgate_device_counter_refused_sctp;
  return nothing;
}

SEC("tc")
int guard_device(struct __sk_buff* skb) {
  __u32 device = skb->ifindex;
  const struct callgate_device_config* config = bpf_map_lookup_elem(&device_configs, &device);
  __u32 flags = config ? config->flags : 0;
  __u32 slot = config ? config->heartbeat_slot : 0;
  __u32 fault = find_fault(skb, flags);
  if (fault == callgate_device_counter_count) return TC_ACT_UNSPEC;
  if (is_of_agent(skb)) {
    if (fault == callgate_device_counter_refused_syn)
      count_on_device(device, callgate_device_counter_agent_syn);
    return TC_ACT_UNSPEC;
  }
  enum verdict verdict = judge(flags, slot);
  count_on_device(device, fault + verdict);
  return verdict == VERDICT_REFUSE ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
