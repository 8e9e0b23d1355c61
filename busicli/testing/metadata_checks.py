"""Checks of a plugin's declaration and cost."""

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
    """Name, summary, source, size and options are declared, and a card can hold the options."""
    declared = candidate.architecture
    asked = candidate.asked
    need(
        is_name(declared.name),
        f"its name is {declared.name!r}; use words of lower-case letters and digits, a letter "
        "first, joined by hyphens, such as improved-unet.",
    )
    need(
        isinstance(asked, Path) or asked == declared.name,
        f"it is registered as {asked} but calls itself {declared.name}; make them the same.",
    )
    need(
        bool(declared.summary.strip()) and "\n" not in declared.summary,
        f"its summary is {declared.summary!r}; write one line.",
    )
    need(
        bool(declared.source.strip()),
        "its source is empty; name the paper or the people it comes from.",
    )
    need(
        type(declared.size_multiple) is int and declared.size_multiple >= 1,
        f"its size_multiple is {declared.size_multiple!r}; it must be an integer of at least 1.",
    )
    try:
        json.dumps(declared.options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckError(
            f"its options cannot be written into a card ({error}); "
            "use numbers, text, true or false, and lists of these."
        ) from error
    if left := declared.placeholders():
        return f"{declared.name}; still the template's text: {', '.join(left)}"
    return f"{declared.name}: {declared.summary}"


def import_cost(candidate: Candidate) -> str:
    """Importing it loads neither Keras nor a backend, so that listings stay fast."""
    asked = [isinstance(candidate.asked, Path), candidate.asked, *candidate.plugins]
    ended = run_python(["-c", IMPORTING, json.dumps(asked, default=str)])
    need(
        ended.returncode == 0,
        f"a new Python process cannot import it: {last_line(ended.stderr)}; fix that first.",
    )
    seconds, loaded = json.loads(last_line(ended.stdout))
    need(
        not loaded,
        f"importing it loads {', '.join(loaded)} and takes {seconds:.1f} s; "
        "import Keras inside build, not at the top of the file.",
    )
    return f"{1000 * seconds:.0f} ms, no framework loaded"


def cost(candidate: Candidate) -> str:
    """With its own options it builds at the size of prepared data; its cost is counted."""
    size = candidate.size_from(PreprocessSettings().size_px)
    model = build_model(candidate.architecture, size, {})
    found, needed = tuple(model.outputs[0].shape), (None, size, size, 1)
    need(
        found == needed,
        f"with its own options the output at {size} px is {found}; it must be {needed}.",
    )
    count = operations(model)
    rest = uncounted(model)
    need(
        count > 0 or bool(rest),
        "it has no convolution and no dense layer; is this the right network?",
    )
    more = f" and {len(rest) - 1} more" if len(rest) > 1 else ""
    without = f"; without the operations of {rest[0]}{more}" if rest else ""
    return (
        f"{model.count_params():,} parameters, {count / 1e9:.2f} GFLOP per scan "
        f"of {size} x {size} px{without}"
    )
