/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Every map. All are pinned by name below <pin dir>/v<ABI>/maps, so that programs of a restarted agent meet
 * the maps that sockets and links of the previous one use. Defined in maps.bpf.c, declared everywhere else.
 */
#ifndef CALLGATE_MAPS_H
#define CALLGATE_MAPS_H

#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"

#ifndef CALLGATE_MAP
#define CALLGATE_MAP extern
#endif

/* Key: cgroup id. Value: the workload's configuration. Written by userspace, replaced as a whole. One for
 * each enrolled cgroup, made by its first attach, freed with the cgroup. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
  __type(key, __u64);
  __type(value, struct callgate_workload_config);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} workload_configs SEC(".maps");

/* Key: cgroup id. Value: counters, per CPU. Written by the programs of the workload. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
  __type(key, __u64);
  __type(value, struct callgate_workload_counters);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} workload_counters SEC(".maps");

/* Client socket -> where it wanted to go. Written by connect4/6; freed with the socket. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct callgate_origin);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} origins SEC(".maps");

/* Listener -> mark of the agent. Written by userspace only. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct callgate_gate_mark);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} gate_marks SEC(".maps");

/* Accepted socket -> its flow. Written by the gates' sock_ops program; freed with the socket. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct callgate_flow);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} accepted_flows SEC(".maps");

/* Flows from the client's side of the handshake to the gate's. Written by both sock_ops programs. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CALLGATE_MAX_PENDING_FLOWS);
  __type(key, struct callgate_pending_key);
  __type(value, struct callgate_pending_flow);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pending_flows SEC(".maps");

/* Key: workload. Value: its entries in pending_flows. Made and removed by userspace; counted by both sock_ops
 * programs. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, CALLGATE_MAX_WORKLOADS);
  __type(key, __u64);
  __type(value, __s64);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pending_counts SEC(".maps");

/* Index: slot. Value: CLOCK_MONOTONIC of the last beat. Written by agent processes through a mapping. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, CALLGATE_HEARTBEAT_SLOTS);
  __type(key, __u32);
  __type(value, __u64);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} heartbeats SEC(".maps");

/* Key: cgroup id of a cgroup whose sockets the device guard lets out. Written by userspace. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CALLGATE_MAX_AGENT_CGROUPS);
  __type(key, __u64);
  __type(value, __u8);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} agent_cgroups SEC(".maps");

/* Key: interface index in the agent's network namespace. Value: configuration of its guard. Written by
 * userspace. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, CALLGATE_MAX_DEVICES);
  __type(key, __u32);
  __type(value, struct callgate_device_config);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} device_configs SEC(".maps");

/* Key: interface index. Value: counters, per CPU. Made and removed by userspace, written by the guard. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, CALLGATE_MAX_DEVICES);
  __type(key, __u32);
  __type(value, struct callgate_device_counters);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} device_counters SEC(".maps");

/* Index: enum callgate_gate_counter. Written by the gates' sock_ops program. */
CALLGATE_MAP struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, callgate_gate_counter_count);
  __type(key, __u32);
  __type(value, __u64);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} gate_counters SEC(".maps");

#endif
