"""Versions of the packages that made a result, read without importing them."""

from importlib.metadata import PackageNotFoundError, version

NAMED = (
    *("busicli", "keras", "tensorflow", "jax", "torch", "openvino"),
    *("numpy", "scipy", "scikit-image", "pillow", "pydicom"),
)


def versions() -> dict[str, str]:
    """Versions of busicli and of the packages that its results depend on, where installed."""
    found = {}
    for name in NAMED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
