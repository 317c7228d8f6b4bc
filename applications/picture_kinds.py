"""What a file under a picture's name is, by its first bytes: a picture that is read, or what else.

Files of the ISO base media format (AVIF, HEIC, films) say what they hold in their brands. Those of
a mere container (`mif1`) leave it to the kind of the coded picture.
"""

from __future__ import annotations

from PIL import AvifImagePlugin

_FORMATS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("JPEG", (b"\xff\xd8\xff",)),
    ("PNG", (b"\x89PNG\r\n\x1a\n",)),
    ("GIF", (b"GIF87a", b"GIF89a")),
    ("BMP", (b"BM",)),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_AVIF = frozenset((b"avif", b"avis", b"avio"))
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_CONTAINERS = frozenset((b"mif1", b"mif2", b"msf1", b"miaf"))
BEGINNING = 1 << 16  # bytes that suffice: in them a container names its kinds of coded pictures

_DRAWN = "save it as PNG"
_OTHERS = (  # what is often found under a picture's name: first bytes, what it is, what to do
    (b"%PDF", "a PDF document", ""),
    (b"PK\x03\x04", "a zip archive", ""),
    (b"\x1f\x8b", "a gzip file", ""),
    (b"\xff\x0a", "a JPEG XL picture", _DRAWN),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture", _DRAWN),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _DRAWN),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture", _DRAWN),
    (b"8BPS", "a Photoshop file", "export it as PNG"),
    (b"\0\0\1\0", "an icon", _DRAWN),
    (b"\x1aE\xdf\xa3", "a film (Matroska or WebM)", ""),
    (b"\0\0\1\xba", "a film (MPEG)", ""),
    (b"\0\0\1\xb3", "a film (MPEG)", ""),
    (b"FLV\1", "a film (Flash)", ""),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", "save it as TIFF of floating point values"),
    (b"\x93NUMPY", "a NumPy array", "save it as PNG, or a volume as NIfTI"),
    (b"\x89HDF", "an HDF5 file", ""),
)
_PORTABLE = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF")


_MEDIA = {  # kind of a file that begins with its brands -> what it is, what to do
    "AVIF": ("an AVIF picture, which this Pillow cannot read", "run: pip install -U pillow"),
    "HEIC": ("a HEIC photo", "save it as JPEG (macOS: sips -s format jpeg FILE --out FILE.jpg)"),
    "HEIF": ("a photo in a HEIF container", "save it as JPEG"),
    "CR3": ("a raw photo (CR3)", "develop it to JPEG"),
    "film": ("a film (MP4 or QuickTime)", ""),
}


def kind_of(raw: bytes) -> str | None:
    """Return the format of a picture that can be read, or None."""
    for kind, beginnings in _FORMATS:
        if raw.startswith(beginnings):
            return kind
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WebP"
    return "AVIF" if _media_kind(raw) == "AVIF" and AvifImagePlugin.SUPPORTED else None


def what_else(raw: bytes) -> str:
    """Return what a file is that is not a picture of a format that is read, in words."""
    if not raw:
        return "the file is empty"
    if raw.count(0) == len(raw):
        return f"the file holds {len(raw):,} zeros and nothing else"
    what, remedy = _named(raw)
    if not what:
        return "its format is not known"
    return f"the file holds {what}" + (f"; {remedy}" if remedy else "")


def _named(raw: bytes) -> tuple[str, str]:
    """Return what a file holds, empty where that is not known, and what to do with it."""
    for beginning, what, remedy in _OTHERS:
        if raw.startswith(beginning):
            return what, remedy
    media = _media_kind(raw)
    if media:
        return _MEDIA[media]
    if raw[:4] == b"RIFF" and raw[8:12] == b"AVI ":
        return "a film (AVI)", ""
    if raw[128:132] == b"DICM":
        return "a DICOM file", _DRAWN
    if raw[:2] in _PORTABLE and raw[2:3].isspace():
        return "a picture of the PBM, PGM or PPM kind", _DRAWN
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "markup (HTML, XML or SVG)", ""
    if raw.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer in place of the picture", "run: git lfs pull"
    return ("text", "") if not any(byte < 9 for byte in raw[:512]) else ("", "")


def _media_kind(raw: bytes) -> str:
    """Return the kind, as in `_MEDIA`, of a file that begins with its brands; else ""."""
    if raw[4:8] != b"ftyp":
        return ""
    major = raw[8:12]
    end = min(int.from_bytes(raw[:4], "big"), 1024)
    brands = {major, *(raw[i : i + 4] for i in range(16, end, 4))}
    if major in _AVIF or major in _HEIC:
        return "AVIF" if major in _AVIF else "HEIC"
    if brands & (_AVIF | _HEIC | _CONTAINERS):
        coded = raw[:BEGINNING]
        if brands & _AVIF or (b"av01" in coded and b"hvc1" not in coded):
            return "AVIF"
        return "HEIC" if brands & _HEIC or b"hvc1" in coded else "HEIF"
    return "CR3" if major == b"crx " else "film"
