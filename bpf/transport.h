/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Finds the transport header of a packet that a guard sees. */
#ifndef CALLGATE_TRANSPORT_H
#define CALLGATE_TRANSPORT_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_AUTHENTICATION 51
#define PROTOCOL_DESTINATION 60
#define PROTOCOL_MOBILITY 135
#define PROTOCOL_SCTP 132
#define MAX_EXTENSION_HEADERS 8

#define TCP_FLAGS_OFFSET 13
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_ACK 0x10

struct transport {
  __u32 offset;          /* of the transport header, from the network header */
  __u32 fragment_offset; /* in bytes; 0 in a whole packet and in a first fragment */
  __u8 protocol;
  __u8 found; /* the protocol is known */
};

/* Reads `size` bytes at `offset` from the network header; 0 on success. */
static __always_inline int read_packet(struct __sk_buff* skb, __u32 offset, void* to, __u32 size) {
  return (int)bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET);
}

static __always_inline void find_transport_v4(struct __sk_buff* skb, struct transport* transport) {
  __u8 first;
  __u16 fragment;
  if (read_packet(skb, 0, &first, 1) || read_packet(skb, 6, &fragment, 2) ||
      read_packet(skb, 9, &transport->protocol, 1))
    return;
  transport->offset = (__u32)(first & 0x0f) * 4;
  transport->fragment_offset = (__u32)(bpf_ntohs(fragment) & 0x1fff) * 8;
  transport->found = transport->offset >= 20;
}

static __always_inline void find_transport_v6(struct __sk_buff* skb, struct transport* transport) {
  __u8 next;
  __u32 offset = 40;
  if (read_packet(skb, 6, &next, 1)) return;
#pragma unroll
  for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
    if (next != PROTOCOL_HOP_BY_HOP && next != PROTOCOL_ROUTING && next != PROTOCOL_FRAGMENT &&
        next != PROTOCOL_AUTHENTICATION && next != PROTOCOL_DESTINATION && next != PROTOCOL_MOBILITY) {
      transport->protocol = next;
      transport->offset = offset;
      transport->found = 1;
      return;
    }
    __u8 header[4];
    if (read_packet(skb, offset, header, sizeof(header))) return;
    if (next == PROTOCOL_FRAGMENT) {
      __u32 fragment_offset = ((__u32)header[2] << 8 | header[3]) & 0xfff8;
      if (fragment_offset) transport->fragment_offset = fragment_offset;
      offset += 8;
    } else if (next == PROTOCOL_AUTHENTICATION) {
      offset += ((__u32)header[1] + 2) * 4;
    } else {
      offset += ((__u32)header[1] + 1) * 8;
    }
    next = header[0];
    if (transport->fragment_offset) {
      /* What follows is the middle of a packet; the protocol that the fragment header names is all there is
       * to know. */
      transport->protocol = next;
      transport->offset = offset;
      transport->found = 1;
      return;
    }
  }
}

static __always_inline int is_request_to_connect(__u8 flags) {
  return (flags & TCP_FLAG_SYN) && !(flags & TCP_FLAG_ACK);
}

#endif
