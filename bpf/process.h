/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Who is calling: read while the process is still in its connect(), so nothing has to be looked up later. */
#ifndef CALLGATE_PROCESS_H
#define CALLGATE_PROCESS_H

#include "kernel_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

/* Fills tgid, start time and executable; returns 0 if the executable could be read. */
static __always_inline int read_process(struct callgate_flow* flow) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  flow->tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  flow->process_start = BPF_CORE_READ(leader, start_boottime);
  /* The calling thread's memory, not the leader's: a leader that has exited has none. */
  struct file* executable = BPF_CORE_READ(task, mm, exe_file);
  struct inode* inode = BPF_CORE_READ(executable, f_inode);
  flow->exe_inode = BPF_CORE_READ(inode, i_ino);
  flow->exe_device = BPF_CORE_READ(inode, i_sb, s_dev);
  return inode ? 0 : -1;
}

#endif
