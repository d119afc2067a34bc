"""Which tests show the numbered behaviours of the OMS specification; `python -m tests.checks > docs/checks.md`.

Tests carry `@pytest.mark.check(number, ...)`. They are read, not imported, so the table costs no fixtures.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MARK: Final = "pytest.mark.check"

BEHAVIOURS: Final[Mapping[int, str]] = {
    1: "A list file of one line without a final newline migrates one object",
    2: "A percent-encoded key in a list lands under the decoded key",
    3: "A list with another Content-Type, or with a Content-Encoding: TRF.0019",
    4: "A list that does not end in `.txt` or is over the size limit: TRF.0014",
    5: "A line of 65,536 characters: TRF.0018; 65,535 are accepted",
    6: "An empty list: TRF.0017; a missing one: TRF.0013",
    7: "The first key of a list is missing: TRF.0026; a later one fails alone, TRF.0004",
    8: "A blank at the end of a line belongs to the key",
    15: "A list bucket outside the destination's region is refused at creation",
    16: "The success list under `oms/task/<name>/success_object_lists/` names each migrated key",
    17: "The failed list names code, time, encoded key, raw key and the store's words",
    18: "`failed_object_record` is all null without failures, else true and the path",
    19: "Recording off: no record; a retry of failed objects is S3M.0301",
    20: "A retry of failed objects lists nothing at the source",
    21: "The failed list stays after the retry succeeded",
    23: "What lies under `oms/` at the destination is not counted; a source key `oms/x` is migrated",
    24: "A record that may not be written is told: S3M.0310, OMS.0304",
    25: "Default mode: same size, destination not older: skipped without a GET (by the listings, no HEADs)",
    26: "Default mode: same size, source newer: overwritten; an equal second: skipped",
    27: "Default mode: another size is overwritten even if the destination is newer",
    28: "NO_OVERWRITE: what exists is skipped, whatever it holds",
    29: "FULL_OVERWRITE: everything is transferred again",
    30: "CRC64 decides where both sides have it, else the default rule",
    32: "A source that changes under a read is one version or fails (`If-Match` and the PUT's answer, no HEADs)",
    33: "Encryption that is not what `enable_kms` asks for: COMPARE_SRC_AND_DST_KMS_FAILURE",
    34: "no_check: an unknown length is migrated and overwrites; a short body fails (URL lists answer 501)",
    35: "Large objects go in parts as the planner cuts them, small ones in a single PUT",
    36: "Metadata off: Content-Type alone is kept; on: user metadata as well",
    38: '`object_key`: `["d/"]` is a folder, `["f"]` an object, `[""]` the whole bucket',
    39: "`save_prefix` goes in front as it is; `/x` is S3M.0092; key and prefix over 1,024 bytes fail",
    40: "Only the newest version arrives; delete markers are ignored",
    41: "`migrate_since`: older objects count as skipped, later ones are migrated",
    44: "`dst_storage_policy` and SRC_STORAGE_MAPPING decide the class",
    45: "An object added before the listing passes its name is migrated, after it is not",
}

_HEAD = """\
# Checks

Numbered behaviours of the OMS specification, and the tests that show them.
Written by `python -m tests.checks > docs/checks.md`; `tests/unit/test_checks_table.py` keeps it true.

| nr | behaviour | tests |
|---|---|---|
"""


def marked() -> dict[int, list[str]]:
    """Number to the sorted names (`path::function`) of the tests that carry it. Raises ValueError for a bad mark."""
    found: dict[int, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, name in marks_of(ast.parse(file.read_text()), file.relative_to(ROOT).as_posix()):
            found.setdefault(number, []).append(name)
    return {number: sorted(set(names)) for number, names in sorted(found.items())}


def table() -> str:
    """The page docs/checks.md."""
    tests = marked()
    rows = (
        f"| {number} | {behaviour} | {'<br>'.join(f'`{name}`' for name in tests.get(number, ()))} |\n"
        for number, behaviour in BEHAVIOURS.items()
    )
    return _HEAD + "".join(rows)


def marks_of(module: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == MARK:
                    yield from ((number, f"{path}::{node.name}") for number in _numbers(decorator, path))


def _numbers(mark: ast.Call, path: str) -> list[int]:
    values = [argument.value for argument in mark.args if isinstance(argument, ast.Constant)]
    numbers = [value for value in values if type(value) is int]
    if not numbers or len(numbers) != len(mark.args) or mark.keywords:
        raise ValueError(f"{path}:{mark.lineno}: check wants plain numbers")
    return numbers


if __name__ == "__main__":
    print(table(), end="")
