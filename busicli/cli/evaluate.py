"""`busicli eval`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from busicli.cli.options import (
    Data,
    Json,
    Plugin,
    Runs,
    Tta,
    WeightsSha256,
    in_results,
    in_scans,
    in_weights,
    option_under,
)
from busicli.cli.settings import SWITCHES
from busicli.errors import UsageError

Chosen = Literal["train", "val", "test", "all"]
"""Scans of the data."""
in_masks = option_under("Masks by any tool")
OF_MASKS = ("predictions", "reference", "scans", "split", "out", "as_json")
OF_FOLDS = ("folds", "fold", "data", "weights", "runs", "out", "tta", "as_json", "plugin")
OF_COMPARE = ("compare", "out", "as_json")


def evaluate(
    context: typer.Context,
    split: Annotated[Chosen | None, in_scans(help="Which scans; default: test.")] = None,
    folds: Annotated[
        int | None,
        in_scans(min=2, help="Score the networks of train --folds, each on its own fold."),
    ] = None,
    fold: Annotated[
        list[int] | None, in_scans(min=1, help="Only these of --folds, two or more.")
    ] = None,
    data: Data = Path("data"),
    weights: Annotated[
        str | None,
        in_weights(metavar="W", help="Folder or shipped name; default: the last trained here."),
    ] = None,
    predictions: Annotated[
        Path | None,
        in_masks(metavar="DIR", help="Score these masks, by any tool; needs --reference."),
    ] = None,
    reference: Annotated[
        Path | None,
        in_masks(metavar="DIR", help="Reference masks of the same names, or prepared data."),
    ] = None,
    scans: Annotated[
        Path | None, in_masks(metavar="DIR", help="Scans to show with --predictions.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        in_results(metavar="A B", help="Test B against A: two folders that eval wrote."),
    ] = None,
    out: Annotated[
        Path | None, in_results(help="Folder to write to; default: one below eval/.")
    ] = None,
    tta: Tta = None,
    as_json: Json = False,
    weights_sha256: WeightsSha256 = None,
    runs: Runs = Path("runs"),
    plugin: Plugin = None,
) -> None:
    """Score weights on a split, or masks by any tool: pooled metrics and honest ones per image."""
    if compare is not None:
        _check_options(context, "--compare", OF_COMPARE)
        _compare(compare, out, as_json=as_json)
        return
    if predictions is not None or reference is not None or scans is not None:
        _check_options(context, "--predictions", OF_MASKS)
        if predictions is None or reference is None:
            raise UsageError("--predictions and --reference go together, a folder each.")
        _evaluate_masks(predictions, reference, scans, split, out, as_json=as_json)
        return
    # imported here: SciPy and matplotlib would double the time of --help
    from busicli.cli.progress import tracked
    from busicli.cli.scores import show
    from busicli.evaluation.cross_validate import EvaluateFoldsRequest, evaluate_folds
    from busicli.evaluation.evaluate import EvaluateRequest
    from busicli.evaluation.evaluate import evaluate as run

    if folds is not None or fold:
        _check_options(context, "--folds", OF_FOLDS)
        only = _numbers(folds, fold)
        of_folds = EvaluateFoldsRequest(
            data=data,
            folds=folds or 0,
            only=only,
            runs=runs,
            weights=Path(weights) if weights else None,
            out=out,
            plugins=tuple(plugin or ()),
            tta=bool(tta),
        )
        show(evaluate_folds(of_folds, tracked("scoring scans")), as_json=as_json)
        return
    request = EvaluateRequest(
        data=data,
        split=split or "test",
        runs=runs,
        weights=weights,
        weights_sha256=weights_sha256,
        out=out,
        plugins=tuple(plugin or ()),
        tta=tta,
    )
    show(run(request, tracked("scoring scans")), as_json=as_json)


def _evaluate_masks(
    predictions: Path,
    reference: Path,
    scans: Path | None,
    split: Chosen | None,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    from busicli.cli.progress import tracked
    from busicli.cli.scores import show
    from busicli.evaluation.external_masks import EvaluateMasksRequest, evaluate_masks

    request = EvaluateMasksRequest(
        predictions=predictions, reference=reference, split=split, scans=scans, out=out
    )
    show(evaluate_masks(request, tracked("scoring masks")), as_json=as_json)


def _compare(folders: tuple[Path, Path], out: Path | None, *, as_json: bool) -> None:
    from busicli.cli.comparison import show
    from busicli.evaluation.compare import CompareRequest, compare

    show(compare(CompareRequest(a=folders[0], b=folders[1], out=out)), as_json=as_json)


def _check_options(context: typer.Context, mode: str, belonging: tuple[str, ...]) -> None:
    """UsageError where the command line holds options that say nothing of this kind of scoring.

    A settings file may hold them: it is for every kind.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [name for name, source in sources.items() if source and "DEFAULT" not in source.name]
    options = {option.name: option.opts[0] for option in context.command.params}
    fitting = (*belonging, *SWITCHES, "settings_file")  # what every command takes
    foreign = [options[name] for name in given if name not in fitting]
    if foreign:
        raise UsageError(f"{mode} does not go with {', '.join(foreign)}; leave one of them out.")


def _numbers(folds: int | None, fold: list[int] | None) -> tuple[int, ...]:
    numbers = tuple(sorted(set(fold or ())))
    if folds is None:
        raise UsageError("--fold needs --folds, how many there are.")
    if numbers and (len(numbers) < 2 or numbers[-1] > folds):
        raise UsageError(
            f"--fold names {', '.join(map(str, numbers))}; it takes two or more of {folds}, for "
            "each is scored with what the others chose."
        )
    return numbers
