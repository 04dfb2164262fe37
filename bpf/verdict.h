/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What happens to something that should not leave the workload: the one decision that hooks and guards share.
 */
#ifndef CALLGATE_VERDICT_H
#define CALLGATE_VERDICT_H

#include "maps.h"

/* The order is that of the counters: refused_X, observed_X, open_X. */
enum verdict { VERDICT_REFUSE = 0, VERDICT_OBSERVE = 1, VERDICT_OPEN = 2 };

static __always_inline int heartbeat_is_stale(__u32 slot) {
  const __u64* beat = bpf_map_lookup_elem(&heartbeats, &slot);
  if (!beat) return 0;
  __u64 last = *(const volatile __u64*)beat;
  __u64 now = bpf_ktime_get_ns();
  return now > last && now - last > CALLGATE_HEARTBEAT_STALE_NS;
}

static __always_inline enum verdict judge(__u32 flags, __u32 heartbeat_slot) {
  if (!(flags & CALLGATE_READY)) return VERDICT_REFUSE;
  if (!(flags & CALLGATE_ENFORCE)) return VERDICT_OBSERVE;
  if ((flags & CALLGATE_LOSS_OPEN) && heartbeat_is_stale(heartbeat_slot)) return VERDICT_OPEN;
  return VERDICT_REFUSE;
}

static __always_inline void count(enum callgate_workload_counter counter) {
  struct callgate_workload_counters* counters = bpf_get_local_storage(&workload_counters, 0);
  /* Atomic: an interrupt on this CPU may run another program of the workload in the middle. */
  __sync_fetch_and_add(&counters->values[counter], 1);
}

/* Judges, and counts at `refused` or one of the two counters that follow it. */
static __always_inline enum verdict judge_and_count(const struct callgate_workload_config* config,
                                                    enum callgate_workload_counter refused) {
  enum verdict verdict = judge(config->flags, config->heartbeat_slot);
  if (verdict == VERDICT_REFUSE)
    count(refused);
  else if (verdict == VERDICT_OBSERVE)
    count(refused + 1);
  else
    count(refused + 2);
  return verdict;
}

#endif
