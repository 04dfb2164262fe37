/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sock_ops on a workload's cgroup, the client's side of a redirected connection: publishes the flow when the
 * handshake is done and before the ACK leaves, and removes what no gate took when the socket closes.
 */
#include "maps.h"
#include "pending.h"
#include "verdict.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline void name_client(struct bpf_sock_ops* ctx, struct callgate_pending_key* key) {
  key->netns_cookie = bpf_get_netns_cookie(ctx);
  key->source_port = (__u16)FIELD(ctx, local_port);
  key->gate_port = (__u16)bpf_ntohl(FIELD(ctx, remote_port));
  __u32 family = FIELD(ctx, family);
  __u32 r2 = FIELD(ctx, remote_ip6[2]);
  if (family == AF_INET || r2 == MAPPED_PREFIX) {
    store_v4_source(key, FIELD(ctx, local_ip4));
  } else {
    __u32 l0 = FIELD(ctx, local_ip6[0]);
    __u32 l1 = FIELD(ctx, local_ip6[1]);
    __u32 l2 = FIELD(ctx, local_ip6[2]);
    __u32 l3 = FIELD(ctx, local_ip6[3]);
    store_words(key->source, l0, l1, l2, l3);
  }
}

static __always_inline void publish(struct bpf_sock_ops* ctx, const struct callgate_origin* origin) {
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  struct callgate_pending_key key = {};
  name_client(ctx, &key);
  if (key.gate_port != origin->gate_port) return;

  __u64 workload = origin->flow.workload;
  const __s64* pending = bpf_map_lookup_elem(&pending_counts, &workload);
  if (!pending || *pending >= (__s64)config->pending_limit) {
    count(callgate_counter_unpublished_pending);
    return;
  }
  struct callgate_pending_flow entry = {};
  entry.flow = origin->flow;
  entry.client_cookie = bpf_get_socket_cookie(ctx);
  entry.sequence = FIELD(ctx, snd_una);

  const struct callgate_pending_flow* older = bpf_map_lookup_elem(&pending_flows, &key);
  if (older && remove_pending(&key, older->flow.workload)) count(callgate_counter_replaced_stale);
  /* First the number, then the entry: who takes the entry out may do so at once. */
  add_pending(workload, 1);
  if (bpf_map_update_elem(&pending_flows, &key, &entry, BPF_NOEXIST)) {
    add_pending(workload, -1);
    count(callgate_counter_unpublished_full);
    return;
  }
  count(callgate_counter_published);
  bpf_sock_ops_cb_flags_set(ctx, (int)(FIELD(ctx, bpf_sock_ops_cb_flags) | BPF_SOCK_OPS_STATE_CB_FLAG));
}

static __always_inline void withdraw(struct bpf_sock_ops* ctx) {
  struct callgate_pending_key key = {};
  name_client(ctx, &key);
  const struct callgate_pending_flow* entry = bpf_map_lookup_elem(&pending_flows, &key);
  if (!entry || entry->client_cookie != bpf_get_socket_cookie(ctx)) return;
  if (remove_pending(&key, entry->flow.workload)) count(callgate_counter_removed_unaccepted);
}

SEC("sockops")
int publish_flow(struct bpf_sock_ops* ctx) {
  __u32 op = FIELD(ctx, op);
  if (op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && op != BPF_SOCK_OPS_STATE_CB) return 1;
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return 1;
  const struct callgate_origin* origin = bpf_sk_storage_get(&origins, sk, 0, 0);
  if (!origin) return 1;
  if (op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
    publish(ctx, origin);
  else if (FIELD(ctx, args[1]) == BPF_TCP_CLOSE)
    withdraw(ctx);
  return 1;
}
