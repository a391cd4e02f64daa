"""Several modes of a network, and how one is drawn."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import DEFAULT_MODE, IntFormat, InvalidInput, Modes, Network
from quadrille.algo.spec.random_mode import SHIFTS, STATE_BITS, draw, draws, shifted


def test_the_first_mode_is_the_default(make_network):
    networks = {"8": make_network(seed=1), "4": make_network(seed=2), "mixed": make_network(seed=3)}
    modes = Modes("net", networks)
    assert modes.names == ("8", "4", "mixed")
    assert modes.default == networks["8"]
    assert [modes.network(mode) for mode in modes.names] == list(networks.values())
    assert [modes.index(mode) for mode in modes.names] == [0, 1, 2]
    with pytest.raises(InvalidInput, match=r"^Mode must be one of 8, 4, mixed of network 'net', not '3'$"):
        modes.network("3")
    plain = Modes.of(networks["4"])
    assert (plain.names, plain.name) == ((DEFAULT_MODE,), networks["4"].name)


def with_input(network: Network, **changes) -> Network:
    return dataclasses.replace(network, nodes=(dataclasses.replace(network.input, **changes), *network.nodes[1:]))


@pytest.mark.parametrize("name", ["", "A", "a b", "-4", "é", "4/2", "a\n", "all", "random"])
def test_names_that_are_none(make_network, name):
    message = (
        r"^Mode of network 'net' must have a name of lower-case letters, digits, full stops and hyphens that is not "
        r"all or random, not '.*'$"
    )
    with pytest.raises(InvalidInput, match=message):
        Modes("net", {name: make_network()})


def test_modes_at_odds(make_network):
    first = make_network(adc_bits=0)
    others = {
        r"^Mode '4' of network 'net' must have the input of mode '8', 'image' of shape \[12\] and format u4, "
        r"not 'image' of shape \[12\] and format u3$": with_input(first, format=IntFormat(3)),
        r"^Mode '4' of network 'net' must have the result of mode '8', the greatest of 5 values, "
        r"not the greatest of 4 values$": make_network(adc_bits=0, sizes=(12, 9, 4)),
        r"^Mode '4' of network 'net' must have the result of mode '8', the greatest of 5 values, "
        r"not values of shape \[5\] and format s16$": dataclasses.replace(first, nodes=first.nodes[:-1]),
    }
    for message, other in others.items():
        with pytest.raises(InvalidInput, match=message):
            Modes("net", {"8": first, "4": other})
    with pytest.raises(InvalidInput, match=r"^Network 'net' must have 1 to 256 modes, not 0$"):
        Modes("net", {})
    with pytest.raises(InvalidInput, match=r"^Network 'net' must have 1 to 256 modes, not 257$"):
        Modes("net", {str(n): first for n in range(257)})
    with pytest.raises(TypeError, match=r"^Field networks of the modes of network 'net' must be a dictionary, each "):
        Modes("net", [first])  # pyright: ignore[reportArgumentType]


def test_the_register_goes_through_every_state():
    state, seen = 1, set()
    while state not in seen:
        seen.add(state)
        state = shifted(state)
    assert len(seen) == (1 << STATE_BITS) - 1
    assert 0 not in seen
    drawn, state = draws(7, 256, (1 << STATE_BITS) - 1)
    assert state == 7
    # Every value of eight bits comes up equally often but 0, as the register is never 0.
    assert {drawn.count(value) for value in range(1, 256)} == {256}


@given(state=st.integers(1, 0xFFFF))
@settings(derandomize=True, deadline=None)
def test_a_shift_multiplies_by_x(state):
    """Read from its highest bit, the register is a polynomial, multiplied by x modulo the reciprocal polynomial."""

    def reversed_bits(value: int, width: int) -> int:
        return int(f"{value:0{width}b}"[::-1], 2)

    product = reversed_bits(state, STATE_BITS) << 1
    if product >> STATE_BITS:
        product ^= reversed_bits(1 << 16 | 1 << 14 | 1 << 13 | 1 << 11 | 1, STATE_BITS + 1)
    assert reversed_bits(shifted(state), STATE_BITS) == product


@given(seed=st.integers(1, 0xFFFF), modes=st.integers(1, 256), count=st.integers(0, 30))
@settings(derandomize=True, deadline=None)
def test_draws_are_draws_one_after_the_other(seed, modes, count):
    state, expected = seed, []
    for _ in range(count):
        assert 0 <= draw(state, modes)[0] < modes
        expected.append((state % 256) * modes // 256)
        for _ in range(SHIFTS):
            state = shifted(state)
    assert draws(seed, modes, count) == (tuple(expected), state)


def test_draws_refused():
    for seed in (0, -1, 1 << 16):
        with pytest.raises(InvalidInput, match=rf"^Seed must be from 1 to 65535, not {seed}$"):
            draws(seed, 3, 0)
    for modes in (0, 257):
        with pytest.raises(InvalidInput, match=rf"^Modes to draw from must be 1 to 256, not {modes}$"):
            draw(1, modes)
