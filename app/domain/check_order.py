"""What `segscope check` asks for."""

from __future__ import annotations

from pathlib import Path

from app.domain.dataset_import import ImportSpec
from app.domain.spec import Spec
from app.domain.split_spec import SplitSpec


class CheckOrder(Spec):
    """A folder, how it is read, the split that its findings refer to, and the form of the answer."""

    folder: Path
    import_spec: ImportSpec
    split: SplitSpec
    as_json: bool
