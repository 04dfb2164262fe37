/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The few fields of kernel-internal structures that the programs read, relocated when the programs are loaded
 * (CO-RE). Only names and types matter here, never offsets; userspace checks at start that this kernel's BTF
 * has all of them.
 */
#ifndef CALLGATE_KERNEL_TYPES_H
#define CALLGATE_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
  __u32 s_dev;
};

struct inode {
  struct super_block* i_sb;
  unsigned long i_ino;
};

struct file {
  struct inode* f_inode;
};

struct mm_struct {
  struct file* exe_file;
};

struct task_struct {
  struct mm_struct* mm;
  struct task_struct* group_leader;
  __u64 start_boottime;
};

/* What the context of a sock_addr program is inside the kernel. */
struct bpf_sock_addr_kern {
  void* uaddr;
};

#pragma clang attribute pop

#endif
