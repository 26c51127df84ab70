"""The C++ NIfTI reader against nibabel, and against damage that nibabel does not notice."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from collegium import nifti
from collegium.errors import DataError

nib = pytest.importorskip("nibabel")

SHAPE = (7, 5, 6)
OBLIQUE = np.array(
    [
        [-1.71, 0.34, 0.52, 91.5],
        [0.41, 1.12, -0.33, -126.25],
        [0.28, 0.21, 2.95, -72.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def values(dtype: np.dtype, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    draws = np.random.default_rng(7)
    if dtype.kind == "f":
        return draws.normal(0, 300, shape).astype(dtype)
    info = np.iinfo(dtype)
    return draws.integers(
        max(info.min, -(2**40)), min(info.max, 2**40), shape, dtype=dtype.newbyteorder("=")
    )


def save(
    path: Path, data: np.ndarray, *, image=nib.Nifti1Image, affine=OBLIQUE, order: str = "<"
) -> Path:
    header = image.header_class(endianness=order)
    header.set_data_dtype(data.dtype.newbyteorder(order))
    nib.save(image(data, affine, header), path)
    return path


def assert_same(path: Path) -> None:
    oracle = nib.load(path)
    ours = nifti.read(path)
    expected = np.asarray(oracle.dataobj, dtype=np.float64).astype(np.float32)
    assert ours.data.dtype == np.float32
    assert ours.data.shape == expected.shape
    # nibabel scales in single precision where the stored type is small enough.
    np.testing.assert_allclose(ours.data, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.affine, oracle.affine, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.spacing, nib.affines.voxel_sizes(oracle.affine), rtol=1e-6)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("image", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_every_type_byte_order_and_version(name, order, image, ending, tmp_path: Path) -> None:
    assert_same(save(tmp_path / f"x{ending}", values(np.dtype(name)), image=image, order=order))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("slope", "intercept"),
    [(0.000129854, -0.374935), (-2.5, 100), (0, 7), (np.nan, np.nan), (1, 0)],
)
def test_scaling(slope: float, intercept: float, order: str, tmp_path: Path) -> None:
    path = save(tmp_path / "x.nii", values(np.dtype("i2")), order=order)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([slope, intercept], dtype=f"{order}f4").tobytes()
    path.write_bytes(raw)
    assert_same(path)


@pytest.mark.parametrize("shape", [(12,), (4, 3), (4, 3, 5, 2), (4, 3, 5, 2, 3), (4, 1, 5, 1)])
def test_other_numbers_of_axes(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert_same(save(tmp_path / "x.nii.gz", values(np.dtype("i2"), shape)))


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, 1), (-1, -1, -1)])
def test_quaternion_orientation(flips: tuple[int, ...], tmp_path: Path) -> None:
    rotation = nib.eulerangles.euler2mat(0.4, -0.9, 2.6)
    affine = nib.affines.from_matvec(
        rotation @ np.diag(flips) @ np.diag([0.9, 1.25, 3.0]), [12, -70, 33]
    )
    image = nib.Nifti1Image(values(np.dtype("i2")), affine)
    image.set_qform(affine, code=1)
    image.set_sform(None, code=0)
    nib.save(image, tmp_path / "x.nii")
    assert_same(tmp_path / "x.nii")


def test_a_half_turn_in_the_quaternion(tmp_path: Path) -> None:
    for turn in ([-1, -1, 1], [-1, 1, -1], [1, -1, -1]):
        affine = np.diag([*turn, 1.0])
        image = nib.Nifti1Image(values(np.dtype("i2")), affine)
        image.set_qform(affine, code=1)
        image.set_sform(None, code=0)
        nib.save(image, tmp_path / "x.nii")
        assert_same(tmp_path / "x.nii")


def test_a_header_extension_is_stepped_over(tmp_path: Path) -> None:
    image = nib.Nifti1Image(values(np.dtype("i2")), OBLIQUE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JANE " * 40))
    nib.save(image, tmp_path / "x.nii.gz")
    assert_same(tmp_path / "x.nii.gz")


def test_volumes_that_nibabel_ships() -> None:
    folder = Path(nib.__file__).parent / "tests" / "data"
    files = sorted(p for p in folder.glob("*.nii*") if p.suffixes[-1] in (".nii", ".gz"))
    if not files:
        pytest.skip("this nibabel comes without its test volumes")
    for path in files:
        if isinstance(
            nib.load(path), (nib.Nifti1Image, nib.Nifti2Image)
        ):  # not CIFTI, whose arrays nibabel turns
            assert_same(path)


def test_the_neighbour_is_not_read(tmp_path: Path) -> None:
    save(tmp_path / "x.nii", np.full(SHAPE, 1, np.int16))
    packed = save(tmp_path / "x.nii.gz", np.full(SHAPE, 2, np.int16))
    assert nifti.read(packed).data.max() == 2
    packed.unlink()
    with pytest.raises(DataError):
        nifti.read(packed)


def test_damage_that_nibabel_reads_over_is_refused(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 2000, (160, 160, 120), dtype=np.int16)
    path = save(tmp_path / "x.nii", data)
    packed = bytearray(
        gzip.compress(path.read_bytes(), compresslevel=0)
    )  # stored: a flip stays inflatable
    packed[len(packed) // 2] ^= 4
    damaged = tmp_path / "x.nii.gz"
    damaged.write_bytes(packed)
    with pytest.raises(DataError, match="damaged"):
        nifti.read(damaged)


@pytest.mark.parametrize("keep", [0, 100, 347, 351, 400])
def test_truncated_files_are_refused(keep: int, tmp_path: Path) -> None:
    path = save(tmp_path / "x.nii", values(np.dtype("i2")))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="ends early"):
        nifti.read(path)
