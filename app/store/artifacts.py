"""Files that runs and datasets write, addressed by relative paths below one folder."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from app.domain.errors import NotFoundError

_DATASETS = "datasets"
_FILES = "files"

#: Where the archive of a dataset waits in its folder until a worker unpacks it.
UPLOADED_ARCHIVE = "upload.archive"


def artifact_url(path: str) -> str:
    """Return the address of an artifact path."""
    return f"/artifacts/{quote(path)}"


class ArtifactStore:
    """The folder of artifacts.

    Parameters
    ----------
    root : Path
        Created when it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def run_dir(self, run_id: int) -> Path:
        """Folder of a run: checkpoints, samples, log and `history.csv`."""
        return self.root / "runs" / str(run_id)

    def dataset_dir(self, dataset_id: int) -> Path:
        """Folder of a dataset: thumbnails and, for uploads, the files."""
        return self.root / _DATASETS / str(dataset_id)

    def dataset_files(self, dataset_id: int) -> Path:
        """Folder of the files that were uploaded as this dataset; its later versions read them there too."""
        return self.dataset_dir(dataset_id) / _FILES

    def relative(self, path: Path) -> str:
        """Return `path` as an artifact path with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def resolve(self, relative: str) -> Path:
        """Return the file of an artifact path.

        Raises
        ------
        NotFoundError
            No such file, or one outside the artifacts folder.
        """
        missing = NotFoundError(f"No artifact {relative!r}. It may have been removed; reload the page.")
        if "\0" in relative:
            raise missing
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()) or not path.is_file():
            raise missing
        return path

    def remove_dataset(self, dataset_id: int, *, files: Path | None) -> None:
        """Remove a dataset's artifacts.

        Parameters
        ----------
        dataset_id : int
            Its uploaded files stay where other versions read them.
        files : Path or None
            Files below this store's folder that nothing needs any more; they are removed too, wherever they are.
        """
        folder = self.dataset_dir(dataset_id)
        for child in folder.glob("*"):
            if child.name == _FILES:
                continue
            if child.is_dir():
                shutil.rmtree(child, ignore_errors=True)
            else:
                child.unlink(missing_ok=True)
        if files is not None and files.is_relative_to(self.root / _DATASETS):
            shutil.rmtree(files, ignore_errors=True)
            _remove_empty(files.parent)
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    # It is not empty, or gone already: both are as they should be.
    with suppress(OSError):
        folder.rmdir()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
