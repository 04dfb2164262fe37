/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Tests on addresses as a program's context has them: 32-bit words in network byte order. */
#ifndef CALLGATE_ADDRESS_H
#define CALLGATE_ADDRESS_H

#include <linux/types.h>
#include <bpf/bpf_endian.h>

#define LOOPBACK_V4 bpf_htonl(0x7f000001)
#define MAPPED_PREFIX bpf_htonl(0x0000ffff)

/* 127.0.0.0/8, and 0.0.0.0, which the kernel takes for 127.0.0.1. */
static __always_inline int is_loopback_v4(__u32 ip) {
  return ip == 0 || (ip & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

static __always_inline int is_mapped(__u32 w0, __u32 w1, __u32 w2) {
  return !w0 && !w1 && w2 == MAPPED_PREFIX;
}

/* ::1, and ::, which the kernel takes for ::1. */
static __always_inline int is_loopback_v6(__u32 w0, __u32 w1, __u32 w2, __u32 w3) {
  return !w0 && !w1 && !w2 && (w3 == 0 || w3 == bpf_htonl(1));
}

static __always_inline int is_link_local_v6(__u32 w0) {
  return (w0 & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline void store_words(__u8* to, __u32 w0, __u32 w1, __u32 w2, __u32 w3) {
  __builtin_memcpy(to, &w0, 4);
  __builtin_memcpy(to + 4, &w1, 4);
  __builtin_memcpy(to + 8, &w2, 4);
  __builtin_memcpy(to + 12, &w3, 4);
}

static __always_inline __u32 load_word(const __u8* from) {
  __u32 word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

#endif
