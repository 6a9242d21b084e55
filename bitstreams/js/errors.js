// The named errors of SPEC.md, "Errors", and the errors of requests that cannot be met.

export class RscodecError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The request cannot be met: a window outside the scene, or a source that gives no bytes. */
export class InputError extends RscodecError {}

/** The stream violates SPEC.md. */
export class BitstreamError extends RscodecError {}
export class NotAStream extends BitstreamError {}
export class FutureVersion extends BitstreamError {}
export class UnknownModel extends BitstreamError {}
export class Truncated extends BitstreamError {}
export class HeaderDamaged extends BitstreamError {}
export class BadField extends BitstreamError {}
export class TrailingBytes extends BadField {}
export class LimitExceeded extends BitstreamError {}
export class IndexDamaged extends BitstreamError {}
export class MetadataDamaged extends BitstreamError {}
export class RadiometryDamaged extends BitstreamError {}

/** One entry of one tile is unusable. `tile` is [row, col, entry], entry being a group, "planes" or "residual". */
export class TileDamaged extends BitstreamError {
  constructor(message, tile = null) {
    super(message);
    this.tile = tile;
  }
}
export class MaskDamaged extends TileDamaged {}

/** The weights that the stream needs are not available. */
export class WeightsError extends RscodecError {}
export class MissingWeights extends WeightsError {}
export class WrongWeights extends WeightsError {}

/** A worker did not answer, or ended. */
export class WorkerLost extends RscodecError {}
