"""What is said about a file that cannot be read."""

from __future__ import annotations

from app.domain.errors import InvalidInputError


class UnreadableImageError(InvalidInputError):
    """A file that is not a picture Segscope can read; the message names it and says what to do."""

    code = "unreadable-image"


class ImageTooLargeError(UnreadableImageError):
    """A picture over the pixel limit; it is refused before anything is decoded."""

    code = "too-large"
    status = 413


def unreadable(name: str, *, received: str, expected: str, action: str) -> UnreadableImageError:
    """Return the error *invalid what, received, expected, what to do* for the file `name`."""
    return UnreadableImageError(f"Invalid file '{name}': received {received}, expected {expected}; {action}.")


def check_pixels(name: str, *, height: int, width: int, max_pixels: int) -> None:
    """Refuse a picture without pixels or with more than `max_pixels` of them.

    Raises
    ------
    UnreadableImageError
        The picture has no pixel.
    ImageTooLargeError
        The picture exceeds the limit.
    """
    if height < 1 or width < 1:
        raise unreadable(
            name,
            received=f"a picture of {width}×{height} pixels",
            expected="at least one pixel",
            action="export the file again",
        )
    if height * width > max_pixels:
        raise ImageTooLargeError(
            f"Invalid file '{name}': received {width}×{height} = {height * width:,} pixels, "
            f"expected at most {max_pixels:,}; cut it into tiles or raise SEGSCOPE_IMAGE_MAX_PIXELS."
        )
