/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What kernel programs and userspace agree on: the layout of every map value and of the answer of the flow
 * option.
 *
 * Compiled as C (kernel programs) and as C++ (userspace). Fixed-width fields, explicit padding that is always
 * zero, an assertion for every offset. CALLGATE_ABI_VERSION is part of the pin path: programs of one version
 * never meet maps of another. A unit test holds a fingerprint of the layout and fails when the layout changes
 * under the same version.
 *
 * Ports are in host byte order; addresses in network byte order; times are nanoseconds.
 */
#ifndef CALLGATE_ABI_H
#define CALLGATE_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#include <cstddef>
#define CALLGATE_ASSERT_ABI(condition) static_assert(condition, "the kernel ABI has a fixed layout")
#else
#include <stddef.h>
#define CALLGATE_ASSERT_ABI(condition) _Static_assert(condition, "the kernel ABI has a fixed layout")
#endif
#define CALLGATE_ASSERT_OFFSET(type, field, offset) \
  CALLGATE_ASSERT_ABI(offsetof(struct type, field) == (offset))

#define CALLGATE_ABI_VERSION 1

/* Ports that a workload's gate may have for each address family. */
#define CALLGATE_MAX_GATE_PORTS 16
/* Entries of the heartbeat array: one for each agent process that may beat. */
#define CALLGATE_HEARTBEAT_SLOTS 64
/* A heartbeat older than this is stale. */
#define CALLGATE_HEARTBEAT_STALE_NS 1000000000ULL
/* Flows between SYN and accept, of all workloads together. */
#define CALLGATE_MAX_PENDING_FLOWS 65536
/* Workloads, agent cgroups and guarded devices that the shared maps have room for. */
#define CALLGATE_MAX_WORKLOADS 16384
#define CALLGATE_MAX_AGENT_CGROUPS 256
#define CALLGATE_MAX_DEVICES 16384

/* getsockopt(fd, CALLGATE_SOL_FLOW, CALLGATE_SO_FLOW, struct callgate_flow*, ...) on an accepted socket. No
 * kernel protocol uses this level, so without our program the call fails with ENOPROTOOPT or EOPNOTSUPP. */
#define CALLGATE_SOL_FLOW 0x6367
#define CALLGATE_SO_FLOW 1

/* Bits of callgate_workload_config.flags and callgate_device_config.flags. */
#define CALLGATE_READY (1U << 0)   /* the configuration was written; without it everything is refused */
#define CALLGATE_ENFORCE (1U << 1) /* refuse; without it only count */
#define CALLGATE_REFUSE_UDP_443 (1U << 2) /* QUIC: clients fall back to TCP */
#define CALLGATE_REFUSE_MPTCP (1U << 3)
#define CALLGATE_REFUSE_SCTP (1U << 4)
#define CALLGATE_REFUSE_RAW (1U << 5)
#define CALLGATE_LOSS_OPEN (1U << 6) /* with a stale heartbeat connections go out directly */

/* Configuration of one workload: the value of its cgroup's storage. All zero means "refuse". */
struct callgate_workload_config {
  __u64 workload;                         /* id of the workload, as userspace chose it; not 0 */
  __u64 netns_cookie;                     /* the network namespace in which the gates are */
  __u64 gate_generation;                  /* the generation that a gate's mark must carry */
  __u32 flags;                            /* CALLGATE_READY ... */
  __u32 pending_limit;                    /* flows between SYN and accept; 0: none may be pending */
  __u32 heartbeat_slot;                   /* index into the heartbeat array */
  __u16 gate_v4_count;                    /* used entries of gate_v4 */
  __u16 gate_v6_count;                    /* used entries of gate_v6 */
  __u16 gate_v4[CALLGATE_MAX_GATE_PORTS]; /* ports on 127.0.0.1 */
  __u16 gate_v6[CALLGATE_MAX_GATE_PORTS]; /* ports on ::1 */
  __u8 source_v4[4];  /* what getsockname answers instead of 127.0.0.1; all zero: as it is */
  __u8 source_v6[16]; /* the same instead of ::1 */
  __u32 reserved;     /* zero */
};
CALLGATE_ASSERT_OFFSET(callgate_workload_config, workload, 0);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, netns_cookie, 8);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, gate_generation, 16);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, flags, 24);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, pending_limit, 28);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, heartbeat_slot, 32);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, gate_v4_count, 36);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, gate_v6_count, 38);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, gate_v4, 40);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, gate_v6, 72);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, source_v4, 104);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, source_v6, 108);
CALLGATE_ASSERT_OFFSET(callgate_workload_config, reserved, 124);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_workload_config) == 128);

/* Configuration of the guard of one host-side device. */
struct callgate_device_config {
  __u64 workload;       /* for listings; the guard does not use it */
  __u32 flags;          /* as for a workload */
  __u32 heartbeat_slot; /* as for a workload */
};
CALLGATE_ASSERT_OFFSET(callgate_device_config, workload, 0);
CALLGATE_ASSERT_OFFSET(callgate_device_config, flags, 8);
CALLGATE_ASSERT_OFFSET(callgate_device_config, heartbeat_slot, 12);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_device_config) == 16);

/* What makes a listener a gate: the value of its socket storage. Only holders of the map, so only the agent,
 * write it. */
struct callgate_gate_mark {
  __u64 generation; /* not 0 */
  __u64 workload;   /* the only workload that may be sent here; 0: any */
};
CALLGATE_ASSERT_OFFSET(callgate_gate_mark, generation, 0);
CALLGATE_ASSERT_OFFSET(callgate_gate_mark, workload, 8);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_gate_mark) == 16);

/* A redirected connection: whose it is, and where it wanted to go. */
struct callgate_flow {
  __u64 workload;
  __u64 netns_cookie;
  __u64 process_start; /* since boot, of the thread group's leader */
  __u64 exe_device;    /* the kernel's dev_t: major << 20 | minor; 0 if unknown */
  __u64 exe_inode;
  __u8 destination[16]; /* IPv4 lies in the first 4 bytes, the rest zero */
  __u32 scope;          /* interface index of a link-local destination, else 0 */
  __u16 port;
  __u8 v6;       /* 1: destination is IPv6 */
  __u8 reserved; /* zero */
  __u32 tgid;
  __u32 abi_version;
};
CALLGATE_ASSERT_OFFSET(callgate_flow, workload, 0);
CALLGATE_ASSERT_OFFSET(callgate_flow, netns_cookie, 8);
CALLGATE_ASSERT_OFFSET(callgate_flow, process_start, 16);
CALLGATE_ASSERT_OFFSET(callgate_flow, exe_device, 24);
CALLGATE_ASSERT_OFFSET(callgate_flow, exe_inode, 32);
CALLGATE_ASSERT_OFFSET(callgate_flow, destination, 40);
CALLGATE_ASSERT_OFFSET(callgate_flow, scope, 56);
CALLGATE_ASSERT_OFFSET(callgate_flow, port, 60);
CALLGATE_ASSERT_OFFSET(callgate_flow, v6, 62);
CALLGATE_ASSERT_OFFSET(callgate_flow, reserved, 63);
CALLGATE_ASSERT_OFFSET(callgate_flow, tgid, 64);
CALLGATE_ASSERT_OFFSET(callgate_flow, abi_version, 68);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_flow) == 72);

/* Storage of a redirected client socket, from connect to close. */
struct callgate_origin {
  struct callgate_flow flow;
  __u16 gate_port; /* where the connection was sent */
  __u8 reserved[6];
};
CALLGATE_ASSERT_OFFSET(callgate_origin, flow, 0);
CALLGATE_ASSERT_OFFSET(callgate_origin, gate_port, 72);
CALLGATE_ASSERT_OFFSET(callgate_origin, reserved, 74);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_origin) == 80);

/* Names a connection that is established at the client and not yet at the gate. */
struct callgate_pending_key {
  __u64 netns_cookie;
  __u8 source[16]; /* IPv4 as ::ffff:a.b.c.d */
  __u16 source_port;
  __u16 gate_port;
  __u32 reserved;
};
CALLGATE_ASSERT_OFFSET(callgate_pending_key, netns_cookie, 0);
CALLGATE_ASSERT_OFFSET(callgate_pending_key, source, 8);
CALLGATE_ASSERT_OFFSET(callgate_pending_key, source_port, 24);
CALLGATE_ASSERT_OFFSET(callgate_pending_key, gate_port, 26);
CALLGATE_ASSERT_OFFSET(callgate_pending_key, reserved, 28);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_pending_key) == 32);

struct callgate_pending_flow {
  struct callgate_flow flow;
  __u64 client_cookie; /* socket cookie of the client: only its own close removes the entry */
  __u32 sequence;      /* first unacknowledged byte of the client; the gate's socket must expect exactly it */
  __u32 reserved;
};
CALLGATE_ASSERT_OFFSET(callgate_pending_flow, flow, 0);
CALLGATE_ASSERT_OFFSET(callgate_pending_flow, client_cookie, 72);
CALLGATE_ASSERT_OFFSET(callgate_pending_flow, sequence, 80);
CALLGATE_ASSERT_OFFSET(callgate_pending_flow, reserved, 84);
CALLGATE_ASSERT_ABI(sizeof(struct callgate_pending_flow) == 88);

/*
 * What is counted for each workload. "refused_X" happened; "observed_X" would have been refused when
 * enforcing; "open_X" went out directly because the workload chose that on agent loss.
 */
#define CALLGATE_WORKLOAD_COUNTERS(X)                                                                  \
  X(redirected)        /* connections sent to the gate */                                              \
  X(loopback)          /* connects inside the workload: left alone */                                  \
  X(published)         /* redirected connections whose flow was handed to the gate's side */           \
  X(refused_not_ready) /* no configuration yet */                                                      \
  X(refused_netns)     /* connect in a network namespace without a gate */                             \
  X(observed_netns)                                                                                    \
  X(open_netns)                                                                                        \
  X(refused_no_gate) /* no listener that carries the agent's mark */                                   \
  X(observed_no_gate)                                                                                  \
  X(open_no_gate)                                                                                      \
  X(refused_pending) /* too many flows between SYN and accept */                                       \
  X(observed_pending)                                                                                  \
  X(open_pending)                                                                                      \
  X(refused_storage) /* no memory for the socket's storage */                                          \
  X(observed_storage)                                                                                  \
  X(open_storage)                                                                                      \
  X(refused_device) /* socket bound to a device that could not be unbound */                           \
  X(observed_device)                                                                                   \
  X(open_device)                                                                                       \
  X(refused_udp_443) /* connect, sendmsg or packet */                                                  \
  X(observed_udp_443)                                                                                  \
  X(open_udp_443)                                                                                      \
  X(refused_mptcp)                                                                                     \
  X(observed_mptcp)                                                                                    \
  X(open_mptcp)                                                                                        \
  X(refused_sctp)                                                                                      \
  X(observed_sctp)                                                                                     \
  X(open_sctp)                                                                                         \
  X(refused_raw)                                                                                       \
  X(observed_raw)                                                                                      \
  X(open_raw)                                                                                          \
  X(refused_direct_syn) /* guard: a SYN that would have left by another device than loopback */        \
  X(observed_direct_syn)                                                                               \
  X(open_direct_syn)                                                                                   \
  X(unpublished_pending) /* established, but over the limit of pending flows: closed by the gate */    \
  X(unpublished_full)    /* established, but the table of pending flows is full: closed by the gate */ \
  X(removed_unaccepted)  /* client closed before its gate accepted: entry removed */                   \
  X(replaced_stale)      /* an older entry of the same addresses was replaced */                       \
  X(process_unknown)     /* the executable could not be read */

#define CALLGATE_COUNTER_INDEX(name) callgate_counter_##name,
enum callgate_workload_counter {
  CALLGATE_WORKLOAD_COUNTERS(CALLGATE_COUNTER_INDEX) callgate_workload_counter_count
};

struct callgate_workload_counters {
  __u64 values[callgate_workload_counter_count];
};

/* What is counted on the gates' side, for the whole agent. */
#define CALLGATE_GATE_COUNTERS(X)                                          \
  X(matched)        /* accepted connections that got their flow */         \
  X(unmatched)      /* nothing was published: somebody dialled the gate */ \
  X(wrong_sequence) /* an entry of an earlier connection: not believed */  \
  X(no_storage)     /* no memory for the accepted socket's storage */

#define CALLGATE_GATE_COUNTER_INDEX(name) callgate_gate_counter_##name,
enum callgate_gate_counter {
  CALLGATE_GATE_COUNTERS(CALLGATE_GATE_COUNTER_INDEX) callgate_gate_counter_count
};

/* What is counted for each guarded device, in packets. */
#define CALLGATE_DEVICE_COUNTERS(X)                                             \
  X(agent_syn) /* SYNs of the agent's sockets: passed */                        \
  X(refused_syn)                                                                \
  X(observed_syn)                                                               \
  X(open_syn)                                                                   \
  X(refused_fragment) /* TCP fragments that hide the flags */                   \
  X(observed_fragment)                                                          \
  X(open_fragment)                                                              \
  X(refused_udp_443)                                                            \
  X(observed_udp_443)                                                           \
  X(open_udp_443)                                                               \
  X(refused_sctp)                                                               \
  X(observed_sctp)                                                              \
  X(open_sctp)                                                                  \
  X(refused_opaque) /* frames whose transport protocol the guard cannot find */ \
  X(observed_opaque)                                                            \
  X(open_opaque)

#define CALLGATE_DEVICE_COUNTER_INDEX(name) callgate_device_counter_##name,
enum callgate_device_counter {
  CALLGATE_DEVICE_COUNTERS(CALLGATE_DEVICE_COUNTER_INDEX) callgate_device_counter_count
};

struct callgate_device_counters {
  __u64 values[callgate_device_counter_count];
};

#endif
