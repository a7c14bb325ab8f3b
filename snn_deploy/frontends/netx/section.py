"""One group of an HDF5 file, read with suspicion: every complaint is noted, none is raised."""

import math
from collections.abc import Sequence

import h5py
import numpy as np

from snn_deploy.ir.graph import Array

LARGEST = 2**27
"""More numbers than this in one data set are refused before memory is asked for."""
INT32 = 2**31 - 1


class Section:
    """A group, its name for messages, and the complaints of the whole file.

    Nothing outside the file is touched: only hard links are followed, and data that lies in other
    files, or is put together from other data sets, is not read.
    """

    def __init__(self, group: h5py.Group, where: str, complaints: list[str]) -> None:
        self._group = group
        self.where = where
        self._complaints = complaints

    @property
    def names(self) -> list[str]:
        """What the group holds."""
        return list(self._group)

    def __contains__(self, name: str) -> bool:
        """Say whether there is anything of that name."""
        return name in self.names

    def holds_group(self, name: str) -> bool:
        """Say whether there is a group of that name."""
        link = self._group.get(name, getlink=True)
        return isinstance(link, h5py.HardLink) and isinstance(self._group[name], h5py.Group)

    def complain(self, problem: str, name: str = "") -> None:
        """Note what is wrong, with the group, or with one of its data sets."""
        place = ", ".join(part for part in (self.where, name) if part)
        self._complaints.append(f"{place}: {problem}" if place else problem)

    def group(self, name: str) -> "Section | None":
        """Return a group of this one; None, with a complaint, where there is no such."""
        found = self._found(name)
        if found is not None and not isinstance(found, h5py.Group):
            self.complain("is a data set, a group is expected", name)
            return None
        where = ", ".join(part for part in (self.where, name) if part)
        return None if found is None else Section(found, where, self._complaints)

    def text(self, name: str) -> str | None:
        """Return a word, which may be the only one of a list."""
        dataset = self._dataset(name)
        if dataset is None:
            return None
        if dataset.size != 1 or h5py.check_string_dtype(dataset.dtype) is None:
            self.complain(f"is {dataset.dtype} {list(dataset.shape)}, one word is expected", name)
            return None
        value = np.asarray(self._content(dataset, name), object).reshape(-1)
        if not value.size or not isinstance(value[0], bytes):
            return None
        return value[0].decode("ascii", errors="backslashreplace").rstrip("\0")

    def integers(self, name: str, ranks: Sequence[int]) -> Array | None:
        """Return whole numbers, whatever type they are stored in, as int64 of one of these ranks.

        None, with a complaint, where there are none or others. Nothing is read before its size is
        known.
        """
        dataset = self._dataset(name)
        if dataset is None:
            return None
        if dataset.dtype.kind not in "iufb" or dataset.ndim not in ranks or not dataset.size:
            axes = " or ".join(map(str, ranks))
            held = f"{dataset.dtype} {list(dataset.shape)}"
            self.complain(f"is {held}, numbers with {axes} axes are expected", name)
            return None
        values = self._content(dataset, name)
        if values is None:
            return None
        values = np.asarray(values)
        if values.dtype.kind == "f":
            strange = int(np.count_nonzero(~(np.isfinite(values) & (values == np.rint(values)))))
            if strange:
                self.complain(f"{strange} of {values.size} values are no whole numbers", name)
                return None
        if np.abs(values.astype(np.float64)).max() > INT32:
            self.complain("holds values that need more than 32 bits", name)
            return None
        return values.astype(np.int64)

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Return one whole number of a range; the default where the file says nothing.

        Some writers store it as a list of one; a list of equal numbers is one number, too.
        """
        if default is not None and name not in self:
            return default
        values = self.integers(name, (0, 1))
        if values is None:
            return None
        value = int(values.flat[0])
        if (values != value).any():
            self.complain("differs between neurons, one number is expected", name)
            return None
        if not low <= value <= high:
            self.complain(f"is {value}, from {low} to {high} is expected", name)
            return None
        return value

    def pair(self, name: str, low: int) -> tuple[int, int] | None:
        """Return two whole numbers, (rows, columns), where one stands for both."""
        values = self.integers(name, (0, 1))
        if values is None:
            return None
        if values.size > 2 or values.min() < low or values.max() > LARGEST:
            self.complain(f"is {values.tolist()}, two numbers of at least {low} are expected", name)
            return None
        rows, columns = np.broadcast_to(values, 2).tolist()
        return rows, columns

    def shape(self, name: str = "shape") -> tuple[int, ...] | None:
        """Return [N] or [C, H, W]."""
        values = self.integers(name, (1,))
        if values is None:
            return None
        sizes = tuple(values.tolist())
        if len(sizes) not in (1, 3) or min(sizes) < 1 or math.prod(sizes) > LARGEST:
            self.complain(
                f"is {list(sizes)}, [N] or [C, H, W] with at most {LARGEST:,} places is expected",
                name,
            )
            return None
        return sizes

    def _dataset(self, name: str) -> h5py.Dataset | None:
        found = self._found(name)
        if found is None:
            return None
        if not isinstance(found, h5py.Dataset):
            self.complain("is a group, a data set is expected", name)
        elif found.external or found.is_virtual:
            self.complain("lies outside of this file or is put together from other data", name)
        elif found.size is None or found.size > LARGEST:
            held = "nothing" if found.size is None else f"{found.size:,} values"
            self.complain(f"says it holds {held}, 1 to {LARGEST:,} are expected", name)
        elif found.size and not found.id.get_storage_size():
            self.complain(f"says it holds {found.size:,} values, and none was written", name)
        else:
            return found
        return None

    def _found(self, name: str) -> h5py.Group | h5py.Dataset | None:
        if name not in self:
            self.complain("is missing", name)
            return None
        link = self._group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            self.complain("is a link to another place, which is not followed", name)
            return None
        try:
            return self._group[name]
        except (OSError, KeyError, RuntimeError):
            self.complain("is damaged", name)
            return None

    def _content(self, dataset: h5py.Dataset, name: str) -> Array | None:
        try:
            return dataset[()]
        except (OSError, RuntimeError, ValueError):
            self.complain("is damaged, or packed in a way that cannot be read", name)
            return None
