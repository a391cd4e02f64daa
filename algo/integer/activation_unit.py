"""Values through the functions of their routes: the twin of hw.engine's activation unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quadrille.algo.spec import Function, InvalidInput

from .activation import evaluate
from .arithmetic import IntArray
from .beats import beats_of, table_of

__all__ = ["activation_unit"]


def activation_unit(
    values: IntArray,
    route: IntArray,
    frame: IntArray,
    first: IntArray,
    table: Mapping[str, IntArray],
    /,
    *,
    lanes: int = 16,
    functions: Sequence[Function | Mapping[str, object]] = (),
    **widths: object,
) -> dict[str, IntArray]:
    """Each value through the function that its route names.

    For each beat n, with row `route[n]` of the table: `y = functions[select - 1](v)`, and `y = v` where `select` is 0.

    `values` (n, lanes); `route`, `frame`, `first` (n,); `table` has the field `select`, (rows,). A function may be its
    record. `widths` are the widths and depths of the hardware. Returns `values` (n, lanes), `route`, `frame` and
    `first` (n,).

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, a route is beyond the table, a row selects no function that there is, or
        a value is not in the input format of its function.
    """
    del widths
    rows = table_of(table, ("select",))
    beats = beats_of(values, route, frame, first, lanes=lanes, rows=len(rows["select"]))
    known = [item if isinstance(item, Function) else Function.from_record(item) for item in functions]
    select = rows["select"][beats["route"]]
    if select.size and not 0 <= int(select.min()) <= int(select.max()) <= len(known):
        raise InvalidInput(f"Rows must select one of {len(known)} functions or 0, not {int(select.max())}")
    results = beats["values"].copy()
    for number, function in enumerate(known):
        chosen = select == number + 1
        results[chosen] = evaluate(function, np.asarray(beats["values"])[chosen])
    return beats | {"values": results}
