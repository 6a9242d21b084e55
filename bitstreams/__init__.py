"""The format of rscodec streams. SPEC.md is the contract; this package is its one implementation.

    header.py     the fixed part, each field declared once        fields.py    kinds of fields
    sections.py   metadata and radiometry                         index.py     the tile index
    container.py  StreamReader, StreamWriter                      source.py    where a reader's bytes come from
    planes.py     the lossless side of a tile                     atomic.py    outputs appear whole or not at all
    wire.py       numbers        limits.py  limits        errors.py  errors        dump.py  a stream in words
"""

from .container import StreamReader, StreamWriter
from .header import Header

__all__ = ["Header", "StreamReader", "StreamWriter"]
