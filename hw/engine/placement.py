"""Where feature maps stand in the memories: element order, pitches, and addresses by the time that they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quadrille.algo.spec import InvalidInput, Network

from .layers import Layer

__all__ = ["Buffer", "Place", "Placement", "allocate", "place_all", "power_of_two"]


def power_of_two(value: int) -> int:
    """The least power of two that is at least `value`."""
    return 1 << max(0, value - 1).bit_length()


@dataclass(frozen=True)
class Place:
    """A map in an activation memory: element (frame, y, x, c) stands at `base + frame*size + (y*width + x)*pitch + c`.

    Addresses count elements; a memory word holds `word` of them. The pitch is a power of two up to a word, whole words
    beyond, so that a pixel never crosses from a word to the next unless it fills words.
    """

    channels: int
    height: int
    width: int
    pitch: int
    size: int  # elements of one frame
    base: int = 0

    @classmethod
    def of(cls, shape: tuple[int, int, int], *, least: int, word: int, multiple: int = 1) -> Place:
        """For a map of `shape`; pitches of at least `least`, frames of a multiple of `multiple` elements."""
        channels, height, width = shape
        pitch = max(least, power_of_two(channels)) if channels <= word else -(-channels // word) * word
        size = -(-height * width * pitch // multiple) * multiple
        return cls(channels, height, width, pitch, size)


@dataclass(frozen=True)
class Buffer:
    """Something of `size` units that is written by layer `first` and read last by layer `last`.

    With `over`, the name of another buffer, it may stand exactly where that one does, which layer `first` reads element
    by element just before it writes.
    """

    name: str
    size: int
    first: int
    last: int
    over: str | None = None


def allocate(buffers: Sequence[Buffer]) -> tuple[dict[str, int], int]:
    """An address for each buffer so that none overwrites what is still needed, and the units needed in all.

    First fit in the order of `first`: the lowest address at which it meets no buffer that lives at the same time.
    """
    placed: list[tuple[Buffer, int]] = []
    for buffer in sorted(buffers, key=lambda item: (item.first, -item.size)):
        rivals = [(other, at) for other, at in placed if other.first <= buffer.last and buffer.first <= other.last]
        candidates = sorted({0, *(at + other.size for other, at in rivals), *(at for _, at in rivals)})
        for at in candidates:
            if all(
                at + buffer.size <= start
                or start + other.size <= at
                or (
                    other.name == buffer.over
                    and other.last == buffer.first
                    and (start, other.size) == (at, buffer.size)
                )
                for other, start in rivals
            ):
                placed.append((buffer, at))
                break
    addresses = {buffer.name: at for buffer, at in placed}
    return addresses, max((at + buffer.size for buffer, at in placed), default=0)


@dataclass(frozen=True)
class Placement:
    """All maps of a network.

    Attributes
    ----------
    image : the place of an input image in the input memory
    features : for each layer result that a matrix reads, its place in the feature memory
    stored : for each stored node, its place in the residual memory; addresses and pitches count groups of `lanes`
    feature_words : words of the feature memory; stored_words : groups of the residual memory
    """

    image: Place
    features: dict[str, Place]
    stored: dict[str, Place]
    feature_words: int
    stored_words: int


def place_all(
    network: Network, layers: Sequence[Layer], *, lanes: int, word: int, per_data_word: int, frames: int
) -> Placement:
    """Places for `frames` images at a time.

    Raises
    ------
    InvalidInput
        If the images are read both as a map and as a vector.
    """
    first = [layer for layer in layers if layer.source == network.input.name]
    if len({layer.shape for layer in first}) > 1:
        kinds = " and ".join(f"{layer.matrix.kind} {layer.matrix.name!r}" for layer in first)
        raise InvalidInput(f"Node {network.input.name!r}: the engine needs its readers to be of one kind, not {kinds}")
    shape = first[0].shape if first else (1, 1, 1)
    image = Place.of(shape, least=1, word=word, multiple=per_data_word)

    places: dict[str, Place] = {}
    buffers: list[Buffer] = []
    for number, layer in enumerate(layers):
        readers = [n for n, reader in enumerate(layers) if reader.source == layer.result]
        if readers:
            place = Place.of((layer.matrix.outputs, *layer.pooled), least=lanes, word=word)
            places[layer.result] = place
            buffers.append(Buffer(layer.result, -(-frames * place.size // word), number, max(readers)))
    addresses, feature_words = allocate(buffers)
    features = {
        name: Place(p.channels, p.height, p.width, p.pitch, p.size, addresses[name] * word)
        for name, p in places.items()
    }

    places, buffers = {}, []
    for number, layer in enumerate(layers):
        if layer.stored is None:
            continue
        readers = [n for n, other in enumerate(layers) if other.shortcut and other.shortcut.stored == layer.stored]
        down, across = layer.pooled
        groups = -(-layer.matrix.outputs // lanes)
        places[layer.stored] = place = Place(layer.matrix.outputs, down, across, groups, down * across * groups)
        over = layer.shortcut.stored if layer.shortcut and layer.shortcut.stride == 1 and not layer.pool else None
        buffers.append(Buffer(layer.stored, frames * place.size, number, max(readers, default=number), over))
    addresses, stored_words = allocate(buffers)
    stored = {
        name: Place(p.channels, p.height, p.width, p.pitch, p.size, addresses[name]) for name, p in places.items()
    }
    return Placement(image, features, stored, feature_words, stored_words)
