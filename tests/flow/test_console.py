import json
import subprocess
import sys
from dataclasses import dataclass

import click
import pytest

from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.flow.console import FREQUENCY, emit, play, setting_option
from quadrille.flow.progress import shown, silent
from quadrille.flow.results import Result


def failing(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InvalidInput("Rows must be even, not 3"), 2, "quadrille: Rows must be even, not 3"),
        (MissingTool("Program g++ is missing"), 2, "quadrille: Program g++ is missing"),
        (
            PermissionError(13, "Permission denied", "/a/b"),
            2,
            "quadrille: File or folder /a/b cannot be used: Permission denied",
        ),
        (KeyboardInterrupt(), 130, "Interrupted; what was there before is unchanged"),
    ],
)
def test_fault_is_one_sentence(
    capfd: pytest.CaptureFixture[str], error: BaseException, status: int, sentence: str
) -> None:
    assert play(failing(error), []) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert err.strip() == sentence


def test_wrong_kind_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def command() -> None:
        def check(value: object) -> None:
            raise TypeError(f"Rows must be an integer, not {value!r}")

        check("x")

    assert play(command, []) == 2
    assert capfd.readouterr().err == "quadrille: Rows must be an integer, not 'x'\n"


def test_fault_of_the_program_is_a_traceback() -> None:
    with pytest.raises(TypeError):
        play(failing(TypeError("unsupported operand")), [])
    with pytest.raises(ZeroDivisionError):
        play(failing(ZeroDivisionError()), [])


def test_usage_fault_names_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert play(failing(SystemExit()), ["--rows"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "quadrille: No such option '--rows' (see command --help)\n"


def test_status_of_the_command_is_kept() -> None:
    @click.command()
    def command() -> int:
        return 1

    assert play(command, []) == 1


@dataclass(frozen=True)
class Sample(Result):
    count: int


@pytest.mark.parametrize("as_json", [True, False])
def test_result_goes_to_standard_output(capfd: pytest.CaptureFixture[str], as_json: bool) -> None:
    emit(Sample(3), as_json)
    out, err = capfd.readouterr()
    assert err == ""
    assert json.loads(out) == {"count": 3} if as_json else out == "Result\n  count  3\n"


@click.command()
@setting_option("A setting.")
def settings_command(settings: dict[str, str]) -> None:
    click.echo(json.dumps(settings))


def test_settings_are_split(capfd: pytest.CaptureFixture[str]) -> None:
    assert play(settings_command, ["--set", "rows=64", "--set", "name=a=b"]) == 0
    assert json.loads(capfd.readouterr().out) == {"rows": "64", "name": "a=b"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "rows"], r"^Setting must be written name=value, not 'rows'$"),
        (["--set", "=1"], r"^Setting must be written name=value, not '=1'$"),
        (["--set", "a=1", "--set", "a=2"], r"^Setting must be given once, and a is given twice$"),
    ],
)
def test_bad_setting_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        settings_command.main(arguments, standalone_mode=False)


@click.command()
@click.option("--clock", type=FREQUENCY)
def clock_command(clock: float) -> None:
    click.echo(clock)


@pytest.mark.parametrize(("text", "hertz"), [("50e6", 50e6), ("50MHz", 50e6), ("0.1 GHz", 1e8), ("9600", 9600.0)])
def test_frequencies_have_units(text: str, hertz: float, capfd: pytest.CaptureFixture[str]) -> None:
    assert play(clock_command, ["--clock", text]) == 0
    assert float(capfd.readouterr().out) == hertz


def test_progress_is_silent_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with shown() as report:
        report("training", 1, 2)
    with shown(quiet=True) as report:
        assert report is silent
    assert capfd.readouterr() == ("", "")


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from quadrille.flow.command_line import cli\n"
        "cli.main(['generate', '--help'], standalone_mode=False)\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'amaranth', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
