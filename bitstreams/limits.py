"""The limits of the format (SPEC.md, Limits), and how much a reader decodes by default. Readers check a limit before
they read or allocate memory for what it limits.
"""

QUALITY_MIN, QUALITY_MAX = 1.0, 8.0
QUALITY_STEPS = 32  # on the wire, from one whole quality to the next
MAX_EDGE = 2**20  # pixels along one side of a scene
MAX_BANDS = 16
MAX_GROUPS = 8  # groups of three network channels: 16 bands need at least six
MAX_TILES = 2**20  # tiles of one scene; the index then has at most 120 MiB
TILE_UNIT = 64  # the edge of a tile is a multiple of this many pixels
MAX_TILE = 32 * TILE_UNIT  # pixels along the edge of a tile
MAX_METADATA_BYTES = 2**24  # of the JSON text, and of its compressed form
MAX_METADATA_DEPTH = 32  # objects and lists inside each other, the outermost included
MAX_TAGS = 2**14  # of a scene and its bands together: GDAL takes quadratic time to write them
MAX_RADIOMETRY_BYTES = 2**12
MAX_BOUND_BYTES = 8
MIN_FLOAT_BOUND = 2.0**-1017  # the smallest bound for floats: its 32nd part, the unit, is a normal float64
MAX_INTEGER_BOUND = 65535  # the largest bound for integers
MAX_GROUP_BYTES_PER_PIXEL = 8  # of one group's payload, per pixel of a full tile
MAX_RESIDUAL_BYTES_PER_SAMPLE = 8  # of a tile's residual, per pixel and band of a full tile

# The most that a reader decodes unless the user allows more: width x height x bands of a window or of the whole scene.
MAX_PIXELS_IN_MEMORY = 2**30
MAX_PIXELS_IN_FILE = 2**34
