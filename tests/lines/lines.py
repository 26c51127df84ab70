"""A coordinator and its sites at the ends of a bad line. `lines.py PEER [SCENARIO] [large]`; leaves with 77 where this machine
does not allow network namespaces."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time

from line import Line, NotAllowed

PORT = "7711"


class Federation:
    def __init__(self, line: Line, peer: str, sites: int, floats: int, rounds: int = 1, min_sites: int = 0, deadline: float = 600,
                 trains: float = 0.0, honest: int = 0) -> None:  # fmt: skip
        self.line, self.peer, self.trains = line, peer, trains
        self.shape = (str(sites), str(rounds), str(floats))
        self.told: list[tuple[float, str]] = []
        self.address = address = f"tcp://{line.address}:{PORT}"
        self.coordinator = line.start(
            line.server, peer, "coordinator", address, str(sites), str(min_sites or sites), str(rounds), str(floats),
            str(deadline),
        )  # fmt: skip
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        self.sites = [self.start_site(index) for index in range(honest or sites)]

    def start_site(self, index: int) -> subprocess.Popen[str]:
        sites, rounds, floats = self.shape
        process = self.line.start(
            self.line.site,
            self.peer,
            "site",
            str(index),
            self.address,
            sites,
            rounds,
            floats,
            str(self.trains),
        )
        threading.Thread(target=process.stdout.read, daemon=True).start()  # nobody looks at it
        return process

    def _listen(self) -> None:
        for text in self.coordinator.stdout:
            at, _, what = text.partition(" ")
            self.told.append(
                (float(at), what.strip()) if re.fullmatch(r"[0-9.]+", at) else (0.0, text.strip())
            )

    def wait_for(self, pattern: str, seconds: float) -> float:
        """When it was said."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for at, what in list(self.told):
                if re.search(pattern, what):
                    return at
            time.sleep(0.02)
        self.stop()
        raise AssertionError(
            f"not said in {seconds} s: {pattern}\n"
            + "\n".join(f"{at:.3f} {what}" for at, what in self.told)
        )

    def said(self, pattern: str) -> bool:
        return any(re.search(pattern, what) for _, what in self.told)

    def stop(self) -> None:
        for process in (*self.sites, self.coordinator):
            if process.poll() is None:
                process.kill()
            process.wait()


def slow(peer: str, large: bool) -> str:
    """4 Mbit/s, and one packet in fifty is lost: two sites get the model and send their updates."""
    floats = 10_000_000 if large else 125_000
    line = Line(4e6, loss=0.02)
    began = time.monotonic()
    federation = Federation(line, peer, sites=2, floats=floats)
    federation.wait_for("^outcome finished", 900 if large else 60)
    assert federation.said("round 1 closed with site-1 site-2")
    federation.stop()
    needed = 4 * 4 * floats + (2 * 4 * floats)  # down, up, and the final model
    assert line.carried < 1.5 * needed, f"{line.carried} bytes went over the line for {needed}"
    return f"{4e-6 * floats:.0f} MB to and from two sites in {time.monotonic() - began:.1f} s, {line.carried / needed:.2f} x its bytes"


def dropping(peer: str, large: bool) -> str:
    """The line is down for a while, again and again; a model goes over it and an update back, and nothing begins anew."""
    floats = 125_000_000 if large else 1_500_000
    line = Line(200e6 if large else 16e6, mtu=9000)
    line.queue = 4_000_000 if large else line.queue
    up, down = (10.0, 2.0) if large else (1.5, 0.5)
    began = time.monotonic()
    federation = Federation(line, peer, sites=1, floats=floats)
    drops = 0
    while federation.coordinator.poll() is None and time.monotonic() - began < (
        1800 if large else 90
    ):
        time.sleep(up)
        line.down, drops = True, drops + 1
        time.sleep(down)
        line.down = False
    federation.wait_for("^outcome finished", 5)
    assert federation.said("round 1 closed with site-1")
    federation.stop()
    needed = 3 * 4 * floats
    assert drops >= 2
    assert line.carried < 1.3 * needed, f"{line.carried} bytes went over the line for {needed}"
    return f"{4e-6 * floats:.0f} MB thrice in {time.monotonic() - began:.1f} s with {drops} drops, {line.carried / needed:.2f} x its bytes"


def moving(peer: str, large: bool) -> str:
    """The site's machine gets another address in the middle of a transfer."""
    floats = 25_000_000 if large else 1_000_000
    line = Line(8e6, mtu=9000)
    federation = Federation(line, peer, sites=1, floats=floats)
    federation.wait_for("round 1 of 1", 20)
    time.sleep(2)
    line.move_site("10.77.0.3")
    began = time.monotonic()
    federation.wait_for("^outcome finished", 600 if large else 120)
    assert federation.said("round 1 closed with site-1")
    federation.stop()
    return f"went on after another address; {time.monotonic() - began:.1f} s from there to the end"


def killed(peer: str, large: bool) -> str:
    """A site dies at work: noticed within a second. Without it there are fewer than were agreed, and so no model."""
    line = Line(4e6)
    federation = Federation(line, peer, sites=2, floats=100, deadline=2, trains=60)
    federation.wait_for("round 1 of 1", 20)
    time.sleep(1)
    died = time.monotonic()
    federation.sites[1].kill()
    noticed = federation.wait_for(r"^\[site-2\] away", 10) - died
    assert noticed < 1.0, f"{noticed:.2f} s"
    federation.wait_for("^outcome failed .*2 results are needed", 60)
    assert not federation.said("closed with")
    federation.stop()
    return f"noticed after {1000 * noticed:.0f} ms; the run failed and said why"


def vanished(peer: str, large: bool) -> str:
    """A site's machine loses its power: nothing ends its connection, and nothing answers. Noticed within seconds."""
    line = Line(4e6)
    federation = Federation(line, peer, sites=1, floats=100, deadline=2, trains=60)
    federation.wait_for("round 1 of 1", 20)
    time.sleep(1)
    line.down = True
    began = time.monotonic()
    noticed = federation.wait_for(r"^\[site-1\] away", 60) - began
    assert noticed < 8.0, f"{noticed:.1f} s"
    federation.wait_for("^outcome failed .*1 results are needed", 60)
    federation.stop()
    return f"noticed after {noticed:.1f} s"


class NoLine(Line):
    """Everybody on one machine."""

    address, server, site = "127.0.0.1", 0, 0

    def __init__(self) -> None:
        pass

    def start(self, namespace: int, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def peak(federation: Federation) -> float:
    """Of the coordinator, in MB; 0 once it has ended."""
    with open(f"/proc/{federation.coordinator.pid}/status") as status:
        found = (int(text.split()[1]) for text in status if text.startswith("VmHWM"))
        return next(found, 0) / 1000


def hostile(peer: str, large: bool) -> str:
    """A registered site floods the coordinator. The others finish, and its memory stays bounded."""
    floats = 25_000_000 if large else 2_000_000
    memory = []
    for attacked in (False, True):
        federation = Federation(
            NoLine(), peer, sites=3, floats=floats, min_sites=2, deadline=8, honest=2
        )
        attacker = (
            federation.line.start(0, peer, "hostile", "2", federation.address, str(floats))
            if attacked
            else None
        )
        end, highest = time.monotonic() + 200, 0.0
        while not federation.said("closed with site-1 site-2") and time.monotonic() < end:
            time.sleep(0.05)
            highest = max(highest, peak(federation))  # it may end with the round
        assert highest > 0
        memory.append(highest)
        if attacker:
            assert attacker.poll() is None
            attacker.kill()
            sent = re.findall("sent ([0-9]+)", attacker.communicate()[0])[-1]
        federation.wait_for("closed with site-1 site-2", 5)
        federation.stop()
    # A registered peer's queues, both ways: 64 groups of 1 MiB; and what may come before its connection is ended.
    bound = memory[0] + 8 * (2 * 64 * 1.05 + 135)
    assert memory[1] < bound, f"{memory[1]:.0f} MB, at most {bound:.0f} were expected"
    return f"coordinator's peak {memory[1]:.0f} MB under a flood of {sent} messages over 8 connections, {memory[0]:.0f} MB without"


SCENARIOS = {one.__name__: one for one in (slow, dropping, moving, killed, vanished, hostile)}


def main() -> int:
    peer, *rest = sys.argv[1:]
    large = "large" in rest
    wanted = [name for name in rest if name in SCENARIOS]
    if len(wanted) != 1:  # a namespace is for one process
        return max(
            subprocess.call([sys.executable, __file__, peer, name, *rest]) for name in SCENARIOS
        )
    try:
        print(f"{wanted[0]}: {SCENARIOS[wanted[0]](peer, large)}")
    except NotAllowed as reason:
        print(f"skipped: network namespaces cannot be had here ({reason})")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
