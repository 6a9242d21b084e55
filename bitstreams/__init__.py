"""The format of rscodec streams. SPEC.md is the contract. This package reads and writes streams; js/ decodes them in
JavaScript.

wire.py       numbers          header.py     the fixed part, each field declared once
limits.py     limits           fields.py     kinds of fields
errors.py     errors           sections.py   the variable parts of the header
source.py     bytes come in    index.py      the tile index
atomic.py     bytes go out     container.py  StreamReader, StreamWriter
dump.py       in words         planes.py     the lossless side of a tile
digest.py     the SHA-256 of a file
"""

from .container import StreamReader, StreamWriter
from .header import Header

__all__ = ["Header", "StreamReader", "StreamWriter"]
