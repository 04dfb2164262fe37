/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sock_ops on the cgroup of the gates: moves the flow of a connection into the storage of its accepted
 * socket, before accept() can return it.
 */
#include "maps.h"
#include "pending.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline void count(enum callgate_gate_counter counter) {
  __u32 index = counter;
  __u64* value = bpf_map_lookup_elem(&gate_counters, &index);
  if (value) __sync_fetch_and_add(value, 1);
}

SEC("sockops")
int accept_flow(struct bpf_sock_ops* ctx) {
  if (FIELD(ctx, op) != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) return 1;
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return 1;

  struct callgate_pending_key key = {};
  key.netns_cookie = bpf_get_netns_cookie(ctx);
  key.source_port = (__u16)bpf_ntohl(FIELD(ctx, remote_port));
  key.gate_port = (__u16)FIELD(ctx, local_port);
  if (FIELD(ctx, family) == AF_INET) {
    store_v4_source(&key, FIELD(ctx, remote_ip4));
  } else {
    __u32 r0 = FIELD(ctx, remote_ip6[0]);
    __u32 r1 = FIELD(ctx, remote_ip6[1]);
    __u32 r2 = FIELD(ctx, remote_ip6[2]);
    __u32 r3 = FIELD(ctx, remote_ip6[3]);
    store_words(key.source, r0, r1, r2, r3);
  }
  struct callgate_pending_flow* entry = bpf_map_lookup_elem(&pending_flows, &key);
  if (!entry) {
    count(callgate_gate_counter_unmatched);
    return 1;
  }
  /* Of an earlier connection with the same addresses, if the client's first byte has another number. */
  int believed = entry->sequence == FIELD(ctx, rcv_nxt);
  if (!believed)
    count(callgate_gate_counter_wrong_sequence);
  else if (bpf_sk_storage_get(&accepted_flows, sk, &entry->flow, BPF_SK_STORAGE_GET_F_CREATE))
    count(callgate_gate_counter_matched);
  else
    count(callgate_gate_counter_no_storage);
  remove_pending(&key, entry->flow.workload);
  return 1;
}
