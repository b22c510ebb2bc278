"""Switches on loopback in a network that has nothing else; minimal machines have no `ip`."""

import fcntl
import socket
import struct

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    reply = fcntl.ioctl(control, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
    flags = struct.unpack("16sh14x", reply)[1] | _UP
    fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags))
