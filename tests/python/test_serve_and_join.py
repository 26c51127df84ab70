"""The Python ends of a real federation: serve in one interpreter, join in two others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import collegium as cg
from collegium._load import core
from collegium.demo.deployment import free_port

JOIN = """
import sys
import numpy as np
import collegium as cg

name, address = sys.argv[1:]
x = np.random.default_rng(len(name)).normal(size=(12, 5)).astype(np.float32)
site = cg.Site(
    name, (x, x.sum(1, keepdims=True)), keys=f"keys/{name}.secret", server_key="keys/server.public", state=f"state-{name}"
)
site.join(address, progress=False)
"""


SERVE = """
import sys
import collegium as cg

federation = cg.Federation(
    model=cg.networks.Network({"name": "linear", "in_channels": 5, "out_channels": 1}),
    loss="mse", optimizer=cg.SGD(lr=0.1), local_steps=5, batch_size=4, rounds=5,
)
federation.serve(sys.argv[1], keys="keys/server", site_keys="keys/sites", folder="run", progress=False)
"""


def test_two_interpreters_join_a_third(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    (keys / "sites").mkdir(parents=True)
    for name in ("server", "guys", "kings"):
        core.new_keys(name, str(keys))
    for name in ("guys", "kings"):
        (keys / "sites" / f"{name}.public").write_bytes((keys / f"{name}.public").read_bytes())
    address = f"tcp://127.0.0.1:{free_port()}"
    commands = [[SERVE, address], [JOIN, "guys", address], [JOIN, "kings", address]]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    try:
        for process in processes:
            _, complaint = process.communicate(timeout=120)
            assert process.returncode == 0, complaint
    finally:
        for process in processes:
            process.kill()
    run = cg.Run(tmp_path / "run")
    assert run.state == "finished"
    assert run.left_out.empty
    assert len(run.rounds) == 5
    losses = run.history.groupby("round")["loss"].mean()
    assert losses.iloc[-1] < losses.iloc[0]
