"""Switching activity files: what is read of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.saif import read_saif

TEXT = r"""
(SAIFILE // as several tools write it
 (SAIFVERSION "2.0")
 (DIRECTION "backward")
 (DURATION 40.00)
 (INSTANCE "testbench" bench
  (NET (clk (T0 20) (T1 20) (TC 9)))
  (INSTANCE top
   (PORT (i (T0 30) (T1 10) (TX 0) (TC 3) (IG 0)))
   (NET
    (o\[0\] (T0 40) (T1 0) (TZ 0) (TX 0) (TB 0) (TC 0))
    (o\[1\] (T0 10) (T1 30) (TZ 0) (TX 0) (TB 0) (TC 5)) /* a comment */
   )
   (INSTANCE "kind" inner (NET (\o[1] (T0 1) (T1 39) (TC 1))))
  )
  (INSTANCE beside (NET (i (TC 7))))
 )
)
"""


def test_nets_below_an_instance(tmp_path: Path) -> None:
    path = tmp_path / "a.saif"
    path.write_text(TEXT)
    found = read_saif(path, "top")
    assert found.duration == 40
    assert found.changes == {"i": 3, "o[0]": 0, "o[1]": 5, "inner.o[1]": 1}
    assert read_saif(path, "bench").changes["beside.i"] == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(VCD)", r"^SAIF file must be one whole group SAIFILE, and .* is not$"),
        (TEXT.rstrip()[:-1], r"^SAIF file must be one whole group SAIFILE, and .* is not$"),
        ("(SAIFILE (INSTANCE other))", r"^SAIF file must have the instance 'top', and .* has not$"),
        (None, r"^SAIF file must be readable, and .* is not: No such file"),
    ],
)
def test_what_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "a.saif").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read_saif(tmp_path / "a.saif", "top")
