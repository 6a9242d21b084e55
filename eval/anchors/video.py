"""The part that BPG and VVC share: an image as one or more 10-bit frames.

3 bands of uint8    one frame, BT.709
anything else       one luma frame for each band, scaled linearly to 10 bits; the scales are part of the file
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from rscodec.eval.anchors import yuv
from rscodec.eval.anchors.base import Anchor, Shape, bundle, unbundle


class Video(Anchor):
    """`encode_frame` and `decode_frame` convert the planes of one frame (three or one) to a stream and back."""

    @abstractmethod
    def encode_frame(self, planes: list[np.ndarray], quantiser: int) -> bytes: ...

    @abstractmethod
    def decode_frame(self, stream: bytes, colour: bool, height: int, width: int) -> list[np.ndarray]: ...

    def to_planes(self, pixels: np.ndarray) -> list[np.ndarray]:
        return [yuv.rounded(plane) for plane in yuv.from_rgb(pixels)]

    def to_pixels(self, planes: list[np.ndarray], height: int, width: int) -> np.ndarray:
        return yuv.to_rgb(np.stack(planes))

    def ceiling(self, pixels: np.ndarray) -> np.ndarray:
        if _colour(pixels.shape, pixels.dtype):
            return self.to_pixels(self.to_planes(pixels), *pixels.shape[1:])
        scales = [yuv.scale_of(band) for band in pixels]
        planes = [yuv.to_luma(band, scale) for band, scale in zip(pixels, scales, strict=True)]
        return np.stack([yuv.from_luma(*pair, str(pixels.dtype)) for pair in zip(planes, scales, strict=True)])

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        if _colour(pixels.shape, pixels.dtype):
            return self.encode_frame(self.to_planes(pixels), round(parameter))
        scales = [yuv.scale_of(band) for band in pixels]
        planes = [yuv.to_luma(band, scale) for band, scale in zip(pixels, scales, strict=True)]
        streams = [self.encode_frame([plane], round(parameter)) for plane in planes]
        if len(streams) == 1 and pixels.dtype == np.uint8:
            return streams[0]
        return bundle(b"".join(scale.tobytes() for scale in scales), streams)

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        if _colour(shape, dtype):
            return self.to_pixels(self.decode_frame(data, True, *shape[1:]), *shape[1:])
        if shape[0] == 1 and dtype == "uint8":
            side, streams = np.array([0, 255], "<f4").tobytes(), [data]
        else:
            side, streams = unbundle(data)
        scales = np.frombuffer(side, "<f4").reshape(-1, 2)
        planes = [self.decode_frame(stream, False, *shape[1:])[0] for stream in streams]
        return np.stack([yuv.from_luma(*pair, dtype) for pair in zip(planes, scales, strict=True)])


def planes_of(data: bytes, shapes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Split planar 10-bit samples into planes."""
    samples, planes = np.frombuffer(data, "<u2"), []
    for height, width in shapes:
        planes.append(samples[: height * width].reshape(height, width))
        samples = samples[height * width :]
    return planes


def _colour(shape: Shape, dtype) -> bool:
    return shape[0] == 3 and np.dtype(dtype) == np.uint8
