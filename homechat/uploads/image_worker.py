"""Draws one picture anew. A program of its own: whatever a picture does to it, it does to nothing else.

    image_worker.py <coder> <drawn> <small>   < picture   > what became of it, as JSON

It is started with no environment, limits its own memory and time before it has looked at a byte, and writes two files:
the picture without anything but its pixels, and the same at 800 pixels at most. Only the standard library and Pillow.
"""

import io
import json
import os
import resource
import sys
import warnings
from typing import Any

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 10
OUTPUT_BYTES = 128 * 1024 * 1024
PIXELS_MAX = 40_000_000
FRAMES_MAX = 200
ANIMATION_PIXELS_MAX = 120_000_000
JPEG_SCANS_MAX = 100
SMALL_PIXELS = 800
QUALITY = 88
SMALL_QUALITY = 80
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


class Refused(Exception):
    """Why the picture cannot be had, in one word for the caller."""


def main() -> None:
    limit()
    coder, drawn, small = sys.argv[1:4]
    try:
        told = draw(sys.stdin.buffer.read(), coder, drawn, small)
    except Refused as refusal:
        told = {"refused": str(refusal)}
    except MemoryError:
        told = {"refused": "too_demanding"}
    except Exception:  # Whatever a decoder makes of bytes that were never meant for it.
        told = {"refused": "unreadable"}
    sys.stdout.write(json.dumps(told))


def limit() -> None:
    """Bound what this process may use, for good."""
    os.nice(10)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))


def draw(data: bytes, coder: str, drawn: str, small: str) -> dict[str, Any]:
    """Write both files, and return the size of the picture and what it is now. Raises Refused."""
    from PIL import GifImagePlugin, Image

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_AFTER_DIFFERENT_PALETTE_ONLY
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    # Each costs a pass over all pixels: 10,000 of them fit into a small file.
    if coder == "JPEG" and data.count(b"\xff\xda") > JPEG_SCANS_MAX:
        raise Refused("too_demanding")
    if coder == "GIF" and gif_frames(data) > FRAMES_MAX:
        raise Refused("too_many_frames")
    try:
        image = Image.open(io.BytesIO(data), formats=[coder])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Refused("too_large") from error
    if image.width * image.height > PIXELS_MAX:
        raise Refused("too_large")
    frames = gif_frames(data) if coder == "GIF" else getattr(image, "n_frames", 1)
    if coder in ("GIF", "WEBP", "AVIF") and frames > 1:
        return draw_moving(image, "GIF" if coder == "GIF" else "WEBP", frames, drawn)
    return draw_still(image, "WEBP" if coder == "AVIF" else coder, drawn, small)


def draw_still(image: Any, form: str, drawn: str, small: str) -> dict[str, Any]:
    from PIL import Image, ImageOps

    image.load()
    transparency = image.info.get("transparency")
    ImageOps.exif_transpose(image, in_place=True)
    image = with_common_colours(as_mode_for(image, form))
    image.info.clear()  # Some of it would be written again.
    image.save(drawn, form, **still_options(form, image, transparency))
    told = {"form": form, "width": image.width, "height": image.height}
    if transparency is not None:
        image.info["transparency"] = transparency
    if image.mode not in ("RGB", "RGBA"):
        has_alpha = "A" in image.mode or transparency is not None
        image = image.convert("RGBA" if has_alpha else "RGB")
    image.info.clear()
    image.thumbnail((SMALL_PIXELS, SMALL_PIXELS), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.save(small, "WEBP", quality=SMALL_QUALITY, method=3)
    return told


def draw_moving(image: Any, form: str, frames: int, drawn: str) -> dict[str, Any]:
    """A film of pictures stays one; it has no small form, for that would stand still."""
    if frames > FRAMES_MAX or frames * image.width * image.height > ANIMATION_PIXELS_MAX:
        raise Refused("too_many_frames")
    options: dict[str, Any] = {"comment": b""}
    if form == "WEBP":
        durations = []
        for number in range(frames):
            image.seek(number)
            image.load()
            durations.append(int(image.info.get("duration", 100)))
        options = {
            "duration": durations,
            "loop": image.info.get("loop", 0),
            "quality": QUALITY,
            "method": 2,
            **dict.fromkeys(("exif", "xmp", "icc_profile"), b""),
        }
    image.seek(0)
    for name in ("comment", "exif", "xmp", "icc_profile"):
        image.info.pop(name, None)
    image.save(drawn, form, save_all=True, **options)
    return {"form": form, "width": image.width, "height": image.height}


def as_mode_for(image: Any, form: str) -> Any:
    """Return the picture in a way of colouring that the form can be written in."""
    if form == "JPEG":
        return image if image.mode in ("L", "RGB") else image.convert("RGB")
    if form == "WEBP":
        return image if image.mode in ("RGB", "RGBA") else image.convert("RGBA")
    return image if image.mode in PNG_MODES else image.convert("RGB")


def with_common_colours(image: Any) -> Any:
    """Return the picture in the colours that every screen means: its own description of colours is left out."""
    profile = image.info.get("icc_profile")
    if not profile or b"sRGB" in profile or image.mode != "RGB":
        return image
    try:
        from PIL import ImageCms

        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), inPlace=True)
    except (ImportError, OSError, ValueError, ImageCms.PyCMSError):
        pass  # Slightly other colours are better than no picture.
    return image


def still_options(form: str, image: Any, transparency: Any) -> dict[str, Any]:
    if form == "JPEG":
        return {"quality": QUALITY}
    if form == "WEBP":
        return {"quality": QUALITY, "method": 3, "exif": b"", "xmp": b"", "icc_profile": b""}
    options: dict[str, Any] = {} if transparency is None else {"transparency": transparency}
    if form == "PNG":
        options["compress_level"] = 6 if image.width * image.height < 4_000_000 else 2
    return options


def gif_frames(data: bytes) -> int:
    """Return how many pictures there are in a GIF, one more than are allowed at most, without drawing any."""
    frames, place = 0, 13
    try:
        if data[10] & 0x80:
            place += 3 << (data[10] & 7) + 1
        while frames <= FRAMES_MAX:
            if data[place] == 0x21:
                place = after_blocks(data, place + 2)
            elif data[place] == 0x2C:
                frames += 1
                flags = data[place + 9]
                place += 10 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
                place = after_blocks(data, place + 1)
            else:
                break
    except IndexError:
        pass
    return frames


def after_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += data[place] + 1
    return place + 1


if __name__ == "__main__":
    main()
