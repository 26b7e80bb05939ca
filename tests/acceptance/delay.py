"""Brings packets from one link to another and back, each so much later: `delay.py LINK LINK MILLISECONDS`.

This stands for `tc netem`, which kernels may lack. Order is kept, nothing is lost that the sockets' buffers hold.
"""

import collections
import select
import socket
import sys
import time

ETH_P_ALL = 3
LARGEST_FRAME_BYTES = 65536
BUFFER_BYTES = 8 << 20


def main(left: str, right: str, milliseconds: str):
    seconds = int(milliseconds) / 1000
    sockets = [open_link(left), open_link(right)]
    other = {sockets[0]: sockets[1], sockets[1]: sockets[0]}
    waiting = collections.deque()
    print("ready", flush=True)
    while True:
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for link in select.select(sockets, [], [], pause)[0]:
            frame, sender = link.recvfrom(LARGEST_FRAME_BYTES)
            if sender[2] != socket.PACKET_OUTGOING:
                waiting.append((time.monotonic() + seconds, other[link], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, link, frame = waiting.popleft()
            try:
                link.send(frame)
            except OSError:
                pass  # The link is down, or full: the frame is lost, as on a wire.


def open_link(name: str) -> socket.socket:
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    link.bind((name, 0))
    return link


main(*sys.argv[1:])
