"""Emulated machines that run Debian's kernels: QEMU, without what the host's processor may offer."""
