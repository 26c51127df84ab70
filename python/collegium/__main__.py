"""``python -m collegium``: the command line; with ``--cmake-dir`` alone, where CMake finds the package."""

from __future__ import annotations

import sys

if sys.argv[1:] == ["--cmake-dir"]:
    from collegium._places import installed

    print(installed("cmake"))
else:
    from collegium.cli import main

    main()
