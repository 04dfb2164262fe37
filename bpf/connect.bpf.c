/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* connect4 and connect6 on a workload's cgroup: remember where a connection wants to go, and send it to the
 * gate. */
#include "address.h"
#include "config.h"
#include "maps.h"
#include "process.h"
#include "verdict.h"

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define SOL_SOCKET 1
#define SO_BINDTODEVICE 25
#define ECONNREFUSED 111
#define HTTPS_PORT 443
#define SCOPE_ID_OFFSET 24 /* of sin6_scope_id in struct sockaddr_in6 */

#define ALLOW 1
#define REFUSE 0

char LICENSE[] SEC("license") = "GPL";

struct wanted {
  __u32 words[4]; /* IPv4 in the first */
  __u16 port;     /* host byte order */
  __u8 v6;
  __u8 mapped; /* IPv4 wanted through an IPv6 socket */
};

static __always_inline int refuse(void) {
  if (has_set_retval_in_sock_addr) bpf_set_retval(-ECONNREFUSED);
  return REFUSE;
}

static __always_inline int refuse_or_pass(const struct callgate_workload_config* config,
                                          enum callgate_workload_counter refused) {
  return judge_and_count(config, refused) == VERDICT_REFUSE ? refuse() : ALLOW;
}

/* Whether a listener with this agent's mark is behind the port. Anybody may bind a port; only the agent can
 * mark. */
static __always_inline int is_gate(struct bpf_sock_addr* ctx, const struct callgate_workload_config* config,
                                   __u8 v6, __u16 port) {
  struct bpf_sock_tuple tuple = {};
  __u32 size = sizeof(tuple.ipv4);
  if (v6) {
    tuple.ipv6.daddr[3] = bpf_htonl(1);
    tuple.ipv6.dport = bpf_htons(port);
    size = sizeof(tuple.ipv6);
  } else {
    tuple.ipv4.daddr = LOOPBACK_V4;
    tuple.ipv4.dport = bpf_htons(port);
  }
  struct bpf_sock* listener = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
  if (!listener) return 0;
  int recognized = 0;
  if (listener->state == BPF_TCP_LISTEN) {
    const struct callgate_gate_mark* mark = bpf_sk_storage_get(&gate_marks, listener, 0, 0);
    recognized = mark && mark->generation && mark->generation == config->gate_generation &&
                 (mark->workload == 0 || mark->workload == config->workload);
  }
  bpf_sk_release(listener);
  return recognized;
}

/* The port of a live gate, or 0. Starts anywhere, to spread flows over the ports, and tries each once. */
static __always_inline __u16 find_gate(struct bpf_sock_addr* ctx,
                                       const struct callgate_workload_config* config, __u8 v6) {
  __u32 ports = v6 ? config->gate_v6_count : config->gate_v4_count;
  if (ports == 0 || ports > CALLGATE_MAX_GATE_PORTS) return 0;
  __u32 start = bpf_get_prandom_u32();
  for (__u32 i = 0; i < CALLGATE_MAX_GATE_PORTS; i++) {
    if (i >= ports) break;
    __u32 index = (start + i) % ports;
    barrier_var(index); /* keeps the compiler from dropping the bound, which the verifier wants to see */
    index &= CALLGATE_MAX_GATE_PORTS - 1;
    __u16 port = v6 ? config->gate_v6[index] : config->gate_v4[index];
    if (port && is_gate(ctx, config, v6, port)) return port;
  }
  return 0;
}

/* The interface of a link-local destination: the context does not show it, the address that it stands for
 * does. */
static __always_inline __u32 read_scope(struct bpf_sock_addr* ctx) {
  void* address = 0;
  __u32 scope = 0;
  struct bpf_sock_addr_kern* inside = (struct bpf_sock_addr_kern*)ctx;
  if (!bpf_core_read(&address, sizeof(address), &inside->uaddr) && address)
    bpf_probe_read_kernel(&scope, sizeof(scope), address + SCOPE_ID_OFFSET);
  struct bpf_sock* sk = ctx->sk;
  if (!scope && sk) scope = sk->bound_dev_if;
  return scope;
}

static __always_inline int pending_is_full(const struct callgate_workload_config* config) {
  __u64 workload = config->workload;
  const __s64* pending = bpf_map_lookup_elem(&pending_counts, &workload);
  return !pending || *pending >= (__s64)config->pending_limit;
}

/* The gate's port, or 0 if the connection is not redirected; *verdict then says whether it may go ahead. */
static __always_inline int redirect(struct bpf_sock_addr* ctx, const struct wanted* wanted, int* verdict) {
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  struct bpf_sock* sk = ctx->sk;
  *verdict = ALLOW;
  if (!sk) return 0;

  /* A socket may be connected again: what it wanted before must not speak for what it wants now. */
  if (ctx->protocol != IPPROTO_UDP) bpf_sk_storage_delete(&origins, sk);

  int loopback = wanted->v6
                     ? is_loopback_v6(wanted->words[0], wanted->words[1], wanted->words[2], wanted->words[3])
                     : is_loopback_v4(wanted->words[0]);
  if (loopback) {
    count(callgate_counter_loopback);
    return 0;
  }
  if (!(config->flags & CALLGATE_READY)) {
    count(callgate_counter_refused_not_ready);
    *verdict = refuse();
    return 0;
  }
  if (ctx->protocol == IPPROTO_UDP) {
    if (wanted->port == HTTPS_PORT && (config->flags & CALLGATE_REFUSE_UDP_443))
      *verdict = refuse_or_pass(config, callgate_counter_refused_udp_443);
    return 0;
  }
  if (ctx->protocol != IPPROTO_TCP) return 0;
  if (bpf_get_netns_cookie(ctx) != config->netns_cookie) {
    *verdict = refuse_or_pass(config, callgate_counter_refused_netns);
    return 0;
  }
  __u16 gate_port = find_gate(ctx, config, wanted->v6);
  if (!gate_port) {
    *verdict = refuse_or_pass(config, callgate_counter_refused_no_gate);
    return 0;
  }
  if (pending_is_full(config)) {
    *verdict = refuse_or_pass(config, callgate_counter_refused_pending);
    return 0;
  }
  if (sk->bound_dev_if) {
    /* The gate is on lo: bound to another device, the SYN would leave by that one. */
    char no_device[1] = {0};
    if (bpf_setsockopt(ctx, SOL_SOCKET, SO_BINDTODEVICE, no_device, sizeof(no_device))) {
      *verdict = refuse_or_pass(config, callgate_counter_refused_device);
      return 0;
    }
  }
  return gate_port;
}

static __always_inline int save_origin(struct bpf_sock_addr* ctx, const struct wanted* wanted,
                                       __u16 gate_port, __u32 scope) {
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return REFUSE;
  struct callgate_origin origin = {};
  origin.gate_port = gate_port;
  origin.flow.workload = config->workload;
  origin.flow.netns_cookie = config->netns_cookie;
  origin.flow.port = wanted->port;
  origin.flow.v6 = wanted->v6;
  origin.flow.scope = scope;
  origin.flow.abi_version = abi_version;
  store_words(origin.flow.destination, wanted->words[0], wanted->words[1], wanted->words[2],
              wanted->words[3]);
  if (read_process(&origin.flow)) count(callgate_counter_process_unknown);
  if (!bpf_sk_storage_get(&origins, sk, &origin, BPF_SK_STORAGE_GET_F_CREATE)) return -1;
  return 0;
}

SEC("cgroup/connect4")
int connect_v4(struct bpf_sock_addr* ctx) {
  struct wanted wanted = {};
  wanted.words[0] = ctx->user_ip4;
  wanted.port = bpf_ntohs((__u16)ctx->user_port);
  int verdict;
  int gate_port = redirect(ctx, &wanted, &verdict);
  if (!gate_port) return verdict;
  if (save_origin(ctx, &wanted, (__u16)gate_port, 0)) {
    const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
    return refuse_or_pass(config, callgate_counter_refused_storage);
  }
  ctx->user_ip4 = LOOPBACK_V4;
  ctx->user_port = bpf_htons((__u16)gate_port);
  count(callgate_counter_redirected);
  return ALLOW;
}

SEC("cgroup/connect6")
int connect_v6(struct bpf_sock_addr* ctx) {
  struct wanted wanted = {};
  __u32 w0 = ctx->user_ip6[0];
  __u32 w1 = ctx->user_ip6[1];
  __u32 w2 = ctx->user_ip6[2];
  __u32 w3 = ctx->user_ip6[3];
  wanted.port = bpf_ntohs((__u16)ctx->user_port);
  int mapped = is_mapped(w0, w1, w2);
  if (mapped) {
    wanted.words[0] = w3;
  } else {
    wanted.words[0] = w0;
    wanted.words[1] = w1;
    wanted.words[2] = w2;
    wanted.words[3] = w3;
    wanted.v6 = 1;
  }
  /* Before the socket is freed from its device, which may be what names the interface. */
  __u32 scope = !mapped && is_link_local_v6(w0) ? read_scope(ctx) : 0;
  int verdict;
  int gate_port = redirect(ctx, &wanted, &verdict);
  if (!gate_port) return verdict;
  if (save_origin(ctx, &wanted, (__u16)gate_port, scope)) {
    const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
    return refuse_or_pass(config, callgate_counter_refused_storage);
  }
  ctx->user_ip6[0] = 0;
  ctx->user_ip6[1] = 0;
  ctx->user_ip6[2] = mapped ? MAPPED_PREFIX : 0;
  ctx->user_ip6[3] = mapped ? LOOPBACK_V4 : bpf_htonl(1);
  ctx->user_port = bpf_htons((__u16)gate_port);
  count(callgate_counter_redirected);
  return ALLOW;
}
