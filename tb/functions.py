"""Functions that the testbenches of activation pipelines play with: small ones, of every kind of stage."""

from __future__ import annotations

from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Form,
    Function,
    IntFormat,
    Polynomial,
    Product,
    Rectify,
    Reflection,
    Round,
    Scale,
    Segment,
    Square,
    Warp,
    Wrap,
)

__all__ = ["FUNCTIONS"]

_S8, _S12, _U6 = IntFormat(8, signed=True), IntFormat(12, signed=True), IntFormat(6)
_WAVE = Polynomial((Segment(0, 0, 128, -1),), reflection=Reflection(-1))
_STEEP = tuple(Segment(start, 7 * start - 90, 31 - start // 4, start % 13 - 6) for start in (0, 3, 20, 21, 90))
_BELL = tuple(Segment(32 * n, 250 >> n, -(130 >> n), 40 >> n) for n in range(8))

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("wave", _S12, (Wrap(8, 64), _WAVE, Round(6, IntFormat(7, signed=True)))),
        Function("warped-wave", _S8, (Warp(6), Wrap(8), _WAVE, Round(5, _S8))),
        Function("pieces", _S8, (Polynomial(_STEEP, 3, Reflection(-1, 40, 9)), Round(3, _S8))),
        Function("bell", _S8, (Square(6), Clamp(0, 255), Polynomial(_BELL, 4, None, Form.SQUARE), Round(2, _U6))),
        Function(
            "packet",
            _S8,
            (Product((Wrap(7), Cordic(7, 2, 60, (64, 38, 20, 10))), (Rectify(), Scale(-11, 2))), Round(4, _S12)),
        ),
    )
}
"""By name."""
