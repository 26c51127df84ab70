"""The report in a real browser: nothing from elsewhere, nothing cut off, readable in the light and in the dark, printable."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import collegium as cg
import matplotlib.image
import numpy as np
import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
in_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

MEASURE = """<script>
window.addEventListener('load', () => {
  const root = document.documentElement;
  const cut = [...document.querySelectorAll('h1, h2, p, figure, pre, .statement')].filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'visible');
  const broken = [...document.images].filter(i => !i.naturalWidth);
  root.dataset.overflow = root.scrollWidth - root.clientWidth;
  root.dataset.cut = cut.length;
  root.dataset.broken = broken.length;
  root.dataset.outside = performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length;
});
</script>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a private run, with everything that a page can hold."""
    from matplotlib.figure import Figure

    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(1)
    data = {
        f"hospital-with-a-long-name-{i}": (
            rng.normal(size=(40, 4)).astype("f4"),
            rng.normal(size=(40, 3)).astype("f4"),
        )
        for i in range(6)
    }
    run = cg.Federation(
        model="linear", loss="mse", optimizer=cg.SGD(lr=0.1), rounds=4, local_steps=1, batch_size=20, name="report",
        privacy=cg.DPSGD(clip=1.0, epsilon=8.0, delta=1e-3),
    ).simulate(data, folder=folder / "run", progress=False)  # fmt: skip
    figure = Figure(figsize=(12, 3))
    figure.add_subplot().plot([0, 1])
    return run.report(
        folder / "report.html", statement=["What was learned."], synthetic=True, tables={"Scores": run.history},
        figures={"A picture.": figure},
    )  # fmt: skip


def browse(page: Path, *options: str) -> str:
    return subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip


@in_browser
@pytest.mark.parametrize("width", [1400, 800, 500])
def test_nothing_is_cut_off_and_nothing_comes_from_elsewhere(report: Path, width: int) -> None:
    page = report.with_name(f"measured-{width}.html")
    page.write_text(report.read_text("utf-8").replace("</html>", MEASURE + "</html>"), "utf-8")
    dom = browse(page, f"--window-size={width},900", "--dump-dom")
    found = dict(re.findall(r'data-(overflow|cut|broken|outside)="(\d+)"', dom))
    assert found == {"overflow": "0", "cut": "0", "broken": "0", "outside": "0"}


@in_browser
@pytest.mark.parametrize(("scheme", "dark"), [("0", True), ("1", False)])
def test_the_page_follows_the_readers_light(report: Path, scheme: str, dark: bool) -> None:
    picture = report.with_name(f"scheme-{scheme}.png")
    browse(report, f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1200,2400", f"--screenshot={picture}")  # fmt: skip
    grey = matplotlib.image.imread(picture)[..., :3].mean(axis=2)
    assert grey.shape == (2400, 1200)
    paper = np.median(grey)
    assert (paper < 0.2) if dark else (paper > 0.9)
    assert (abs(grey - paper) > 0.5).mean() > 0.005  # ink that can be read on it


@in_browser
def test_the_page_prints(report: Path) -> None:
    paper = report.with_name("report.pdf")
    browse(report, f"--print-to-pdf={paper}")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())) <= 12


def test_the_last_round_has_no_columns_without_values(report: Path) -> None:
    text = report.read_text("utf-8")
    section = text[text.index("<h2>The last round</h2>") : text.index("<h2>Rounds</h2>")]
    assert "epsilon" in section
    assert "dice" not in section
    assert "<th>reason</th>" not in section


def test_the_hashes_are_those_of_the_run(report: Path) -> None:
    run = cg.Run(report.parent / "run")
    text = report.read_text("utf-8")
    section = text[text.index("<h2>Where the model comes from</h2>") :]
    assert run.rounds["model_hash"].iloc[-1] in section
    for update in run.history.query("round == 4")["update_hash"]:
        assert update in section


def test_tensorboard_reads_the_curves(report: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = cg.Run(report.parent / "run")
    run.tensorboard(tmp_path)
    run.tensorboard(tmp_path)  # no point twice
    for site, rows in run.history.groupby("site"):
        events = accumulator.EventAccumulator(str(tmp_path / site)).Reload()
        points = events.Scalars("epsilon")
        assert [p.step for p in points] == [1, 2, 3, 4]
        assert np.allclose([p.value for p in points], rows["epsilon"])
        assert "loss" not in events.Tags()["scalars"]  # withheld
