/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Entries of pending_flows, and their number for each workload. */
#ifndef CALLGATE_PENDING_H
#define CALLGATE_PENDING_H

#include "address.h"
#include "maps.h"

#define AF_INET 2
#define AF_INET6 10

/* Loads a 32-bit field. In assembly, because the compiler may merge loads of two branches into one through a
 * computed address, which the verifier does not accept for this context. */
#define FIELD(ctx, name)                                                          \
  ({                                                                              \
    __u64 field_;                                                                 \
    asm volatile("%0 = *(u32 *)(%1 + %2)"                                         \
                 : "=r"(field_)                                                   \
                 : "r"(ctx), "i"(__builtin_offsetof(struct bpf_sock_ops, name))); \
    (__u32) field_;                                                               \
  })

static __always_inline void store_v4_source(struct callgate_pending_key* key, __u32 ip) {
  store_words(key->source, 0, 0, MAPPED_PREFIX, ip);
}

static __always_inline void add_pending(__u64 workload, __s64 change) {
  __s64* pending = bpf_map_lookup_elem(&pending_counts, &workload);
  if (pending) __sync_fetch_and_add(pending, change);
}

/* Removes an entry; only the one who really removed it may count it out. */
static __always_inline int remove_pending(const struct callgate_pending_key* key, __u64 workload) {
  if (bpf_map_delete_elem(&pending_flows, key)) return 0;
  add_pending(workload, -1);
  return 1;
}

#endif
