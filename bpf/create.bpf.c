/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* sock_create on a workload's cgroup: refuses kinds of sockets whose traffic could not be redirected. */
#include "config.h"
#include "maps.h"
#include "verdict.h"

#define SOCK_RAW 3
#define IPPROTO_SCTP 132
#define IPPROTO_MPTCP 262
#define EPERM 1
#define EPROTONOSUPPORT 93
#define ALLOW 1
#define REFUSE 0

char LICENSE[] SEC("license") = "GPL";

static __always_inline int refuse_or_pass(const struct callgate_workload_config* config,
                                          enum callgate_workload_counter refused, int error) {
  if (judge_and_count(config, refused) != VERDICT_REFUSE) return ALLOW;
  /* As on a kernel without the protocol: programs that can do without it do so. */
  if (has_set_retval_in_sock) bpf_set_retval(-error);
  return REFUSE;
}

SEC("cgroup/sock_create")
int create_socket(struct bpf_sock* ctx) {
  const struct callgate_workload_config* config = bpf_get_local_storage(&workload_configs, 0);
  __u32 flags = config->flags;
  __u32 protocol = ctx->protocol;
  __u32 type = ctx->type;
  /* Until there is a configuration, connect refuses; a refused socket would only be a worse message. */
  if (!(flags & CALLGATE_READY)) return ALLOW;
  if (type == SOCK_RAW)
    return flags & CALLGATE_REFUSE_RAW ? refuse_or_pass(config, callgate_counter_refused_raw, EPERM) : ALLOW;
  if (protocol == IPPROTO_MPTCP && (flags & CALLGATE_REFUSE_MPTCP))
    return refuse_or_pass(config, callgate_counter_refused_mptcp, EPROTONOSUPPORT);
  if (protocol == IPPROTO_SCTP && (flags & CALLGATE_REFUSE_SCTP))
    return refuse_or_pass(config, callgate_counter_refused_sctp, EPROTONOSUPPORT);
  return ALLOW;
}
