"""OME-XML, the metadata of OME-TIFF files, read without trusting it."""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat

_LONGEST_CHARACTERS = 32 * 1024**2


class _FoundError(Exception):
    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes


class _RefusedError(Exception):
    pass


def ome_pixels(xml: str) -> Mapping[str, str]:
    """Return the attributes of the first `Pixels` element; none where there is no well-formed one.

    A document type declaration is refused: without one, XML has no entities that could be expanded or fetched.

    Parameters
    ----------
    xml : str
        The image description of the first page.
    """
    if len(xml) > _LONGEST_CHARACTERS:
        return {}
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = _look
    try:
        parser.Parse(xml.encode("utf-8", "replace"), True)
    except _FoundError as found:
        return found.attributes
    except (expat.ExpatError, _RefusedError):
        pass
    return {}


def _refuse(*_declaration: object) -> None:
    raise _RefusedError


def _look(name: str, attributes: dict[str, str]) -> None:
    if name.rpartition(" ")[2] == "Pixels":
        raise _FoundError(attributes)
