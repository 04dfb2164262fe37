/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Defines the maps and the read-only configuration that all programs share. */
#define CALLGATE_MAP
#include "maps.h"

const volatile __u8 has_set_retval_in_sock_addr = 0;
const volatile __u8 has_set_retval_in_sock = 0;
const volatile __u32 abi_version = 0;

char LICENSE[] SEC("license") = "GPL";
