"""A line between two machines, made of this machine's own parts: two network namespaces, in each a TUN device, and between
them a thread that hands packets over late, at a rate, and not all of them. Whole IP packets go over it, so what is tried is the
kernel's TCP and everything above. Needs user namespaces, /dev/net/tun and iproute2; nothing outside is touched."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SERVER, SITE = "10.77.0.1", "10.77.0.2"
libc = ctypes.CDLL(None, use_errno=True)


class NotAllowed(Exception):
    """This machine does not let us make one."""


def unshare(flags: int) -> None:
    if libc.unshare(flags) != 0:
        raise NotAllowed(f"unshare: {os.strerror(ctypes.get_errno())}")


def enter(namespace: int) -> None:
    if libc.setns(namespace, NEW_NET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError as error:
        raise NotAllowed(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise NotAllowed(f"{' '.join(command)}: {error.stderr.decode().strip()}") from error


def device(name: str, address: str, mtu: int) -> int:
    try:
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(
            tun, 0x400454CA, struct.pack("16sH", name.encode(), 0x1001)
        )  # TUNSETIFF, IFF_TUN | IFF_NO_PI
    except OSError as error:
        raise NotAllowed(f"/dev/net/tun: {error}") from error
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "set", name, "mtu", str(mtu), "up")
    run("ip", "address", "add", f"{address}/24", "dev", name)
    return tun


class Line:
    """From the site's end (`self.site`, a namespace to enter) to the server's (`self.server`) and back."""

    address = SERVER

    def __init__(
        self,
        bits_per_second: float,
        delay: float = 0.02,
        loss: float = 0.0,
        mtu: int = 1500,
        seed: int = 1,
    ) -> None:
        user, group = os.getuid(), os.getgid()
        unshare(NEW_USER | NEW_NET)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {user} 1"),
            ("gid_map", f"0 {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        self.server = os.open("/proc/self/ns/net", os.O_RDONLY)
        first = device("line", SERVER, mtu)
        unshare(NEW_NET)
        self.site = os.open("/proc/self/ns/net", os.O_RDONLY)
        second = device("line", SITE, mtu)
        self.rate, self.delay, self.loss = bits_per_second / 8, delay, loss
        self.down = False  # everything is lost
        self.carried = 0  # bytes, both ways
        self.random = random.Random(seed)
        self.queue = int(
            max(64_000, self.rate * 0.25)
        )  # bytes that wait for their turn; more are lost
        threading.Thread(
            target=self._carry, args=({first: second, second: first},), daemon=True
        ).start()

    def _carry(self, ways: dict[int, int]) -> None:
        due: list[tuple[float, int, int, bytes]] = []
        free = dict.fromkeys(ways, 0.0)  # when the wire of this way is next free
        number = 0
        while True:
            timeout = max(0.0, due[0][0] - time.monotonic()) if due else 1.0
            readable, _, _ = select.select(list(ways), [], [], timeout)
            now = time.monotonic()
            for end in readable:
                for _ in range(64):
                    try:
                        packet = os.read(end, 65536)
                    except BlockingIOError:
                        break
                    waiting = max(0.0, free[end] - now) * self.rate
                    if self.down or self.random.random() < self.loss or waiting > self.queue:
                        continue
                    free[end] = max(now, free[end]) + len(packet) / self.rate
                    self.carried += len(packet)
                    number += 1
                    heapq.heappush(due, (free[end] + self.delay, number, ways[end], packet))
            while due and due[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(due)
                with contextlib.suppress(OSError):  # the other end may just have gone
                    os.write(end, packet)

    def start(self, namespace: int, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: enter(namespace),
        )

    def move_site(self, address: str) -> None:
        """The site's machine gets another address; connections from the old one are not told."""
        run("ip", "address", "flush", "dev", "line")
        run("ip", "address", "add", f"{address}/24", "dev", "line")
