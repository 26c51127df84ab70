"""Signed logs: what every process of a federation did and saw, and whether it still says so.

A coordinator's log lies in ``run.db`` of its run's folder, a site's in ``site.db`` of its state folder. Each entry is
chained to the one before it by its BLAKE2b-256 hash, and each hash is signed (Ed25519) by the identity of who wrote it. A
site signs what it gives to a round, the coordinator signs what it accepts, and both keep both. This reads and checks the
logs with Python's own ``sqlite3`` and ``hashlib``; only signatures are left to libsodium.
"""

from collegium.records.checks import verify
from collegium.records.comparison import compare
from collegium.records.log import Entry, Log, public_keys, statement
from collegium.records.origin import Trace, model_digest, trace

__all__ = [
    "Entry",
    "Log",
    "Trace",
    "compare",
    "model_digest",
    "public_keys",
    "statement",
    "trace",
    "verify",
]
