/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Read-only configuration: what userspace found out about this kernel before loading. Defined in maps.bpf.c.
 */
#ifndef CALLGATE_CONFIG_H
#define CALLGATE_CONFIG_H

#include <linux/types.h>

/* bpf_set_retval may be called by connect and sendmsg programs; by sock_create programs. Without it refusals
 * are EPERM. */
extern const volatile __u8 has_set_retval_in_sock_addr;
extern const volatile __u8 has_set_retval_in_sock;
/* CALLGATE_ABI_VERSION of the userspace that loads the programs. */
extern const volatile __u32 abi_version;

#endif
