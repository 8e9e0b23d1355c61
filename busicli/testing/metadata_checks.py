"""Checks of what a plugin declares, and of what it costs."""

import json
from pathlib import Path

from busicli.models.architecture import is_name
from busicli.models.flops import operations, uncounted
from busicli.models.weights import build_model
from busicli.parallel.subprocesses import last_line, run_python
from busicli.settings import PreprocessSettings
from busicli.testing.candidate import Candidate
from busicli.testing.result import CheckError, need

FRAMEWORKS = ("jax", "keras", "tensorflow", "torch")
IMPORTING = f"""
import json, sys, time
from pathlib import Path
from busicli.models.registry import find, of_file
is_file, asked, *plugins = json.loads(sys.argv[1])
started = time.perf_counter()
of_file(Path(asked)) if is_file else find(asked, [Path(file) for file in plugins])
seconds = time.perf_counter() - started
print(json.dumps([seconds, [name for name in {FRAMEWORKS} if name in sys.modules]]))
"""


def declaration(candidate: Candidate) -> str:
    """It says what it is: name, summary, source, size and options that a card can hold."""
    declared = candidate.architecture
    asked = candidate.asked
    need(
        is_name(declared.name),
        f"its name is {declared.name!r}; it must be words of lower-case letters and digits, a "
        "letter first, joined by hyphens, as improved-unet: change name.",
    )
    need(
        isinstance(asked, Path) or asked == declared.name,
        f"it is registered as {asked} but calls itself {declared.name}; make them the same.",
    )
    need(
        bool(declared.summary.strip()) and "\n" not in declared.summary,
        f"its summary is {declared.summary!r}; one line was needed: change summary.",
    )
    need(
        bool(declared.source.strip()),
        "its source is empty; say from which paper or from whom it is: change source.",
    )
    need(
        type(declared.size_multiple) is int and declared.size_multiple >= 1,
        f"its size_multiple is {declared.size_multiple!r}; a whole number from 1 on was needed.",
    )
    try:
        json.dumps(declared.options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckError(
            f"its options cannot be written into a card ({error}); "
            "give numbers, texts, true or false, and lists of those."
        ) from error
    return f"{declared.name}: {declared.summary}"


def import_cost(candidate: Candidate) -> str:
    """Importing it loads neither Keras nor a backend, so that listings stay quick."""
    asked = [isinstance(candidate.asked, Path), candidate.asked, *candidate.plugins]
    ended = run_python(["-c", IMPORTING, json.dumps(asked, default=str)])
    need(
        ended.returncode == 0,
        f"a Python of its own cannot import it: {last_line(ended.stderr)}; fix that first.",
    )
    seconds, loaded = json.loads(last_line(ended.stdout))
    need(
        not loaded,
        f"importing it loads {', '.join(loaded)} and takes {seconds:.1f} s; "
        "import Keras inside build, not at the top of the file.",
    )
    return f"{1000 * seconds:.0f} ms, no framework loaded"


def cost(candidate: Candidate) -> str:
    """With its own options it builds at the size of prepared data; what it costs is counted."""
    size = candidate.size_from(PreprocessSettings().size_px)
    model = build_model(candidate.architecture, size, {})
    found, needed = tuple(model.outputs[0].shape), (None, size, size, 1)
    need(
        found == needed,
        f"with its own options the output at {size} px is {found}; {needed} was needed.",
    )
    count = operations(model)
    rest = uncounted(model)
    need(
        count > 0 or bool(rest),
        "no convolution or dense layer was found in it; is this the network that you meant?",
    )
    beside = f"; the work of {rest[0]} and {len(rest) - 1} more is not counted" if rest else ""
    return (
        f"{model.count_params():,} parameters, {count / 1e9:.2f} GFLOP a scan "
        f"of {size} x {size} px{beside}"
    )
