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
    9: "A URL list line `URL<TAB>key` is stored at `save_prefix` + decoded key",
    10: "A URL list whose first line has no TAB: TRF.0016",
    11: "Two URLs, one key: NO_OVERWRITE keeps the first, FULL_OVERWRITE the last",
    12: "A URL on the deny list fails as URL_LIST_DOMAIN_FORBIDDEN or URL_LIST_IP_FORBIDDEN",
    13: "A URL list key over 1,024 bytes fails as URL_LIST_OBJECT_KEY_TOO_LONG",
    14: "A group's folder of lists: none S3M.1042, over-size 1043, another type 1044, too many 1045",
    15: "A list bucket outside the destination's region is refused at creation",
    16: "The success list under `oms/task/<name>/success_object_lists/` names each migrated key",
    17: "The failed list names code, time, encoded key, raw key and the store's words",
    18: "`failed_object_record` is all null without failures, else true and the path",
    19: "Recording off: no record; a retry of failed objects is S3M.0301",
    20: "A retry of failed objects lists nothing at the source",
    21: "The failed list stays after the retry succeeded",
    22: "A group's failed record is the folder `oms/task_group/<id>/failed_object_lists/`",
    23: "What lies under `oms/` at the destination is not counted; a source key `oms/x` is migrated",
    24: "A record that may not be written is told: S3M.0310, OMS.0304",
    25: "Default mode: same size, destination not older: skipped without a GET (by the listings, no HEADs)",
    26: "Default mode: same size, source newer: overwritten; an equal second: skipped",
    27: "Default mode: another size is overwritten even if the destination is newer",
    28: "NO_OVERWRITE: what exists is skipped, whatever it holds",
    29: "FULL_OVERWRITE: everything is transferred again",
    30: "CRC64 decides where both sides have it, else the default rule",
    31: "CRC64 mode with an AWS source: S3M.0093",
    32: "A source that changes under a read is one version or fails (`If-Match` and the PUT's answer, no HEADs)",
    33: "Encryption that is not what `enable_kms` asks for: COMPARE_SRC_AND_DST_KMS_FAILURE",
    34: "no_check: an unknown length is migrated and overwrites; a short body fails",
    35: "Large objects go in parts as the planner cuts them, small ones in a single PUT",
    36: "Metadata off: Content-Type alone is kept; on: user metadata as well",
    37: "A folder marker of size 0 is migrated; one with content fails on a parallel file system",
    38: '`object_key`: `["d/"]` is a folder, `["f"]` an object, `[""]` the whole bucket',
    39: "`save_prefix` goes in front as it is; `/x` is S3M.0092; key and prefix over 1,024 bytes fail",
    40: "Only the newest version arrives; delete markers are ignored",
    41: "`migrate_since`: older objects count as skipped, later ones are migrated",
    42: "An archived object fails without `enable_restore`, is restored once and migrated with it",
    43: "`enable_restore` with a QingCloud source: OMS.1048",
    44: "`dst_storage_policy` and SRC_STORAGE_MAPPING decide the class",
    45: "An object added before the listing passes its name is migrated, after it is not",
    46: "Create answers an id of 15 digits and the task's name; GET works at once",
    47: "The sixth task of a region waits; HIGH overtakes waiting MEDIUM ones",
    48: "Stop: 2 becomes 7, then 3; refused with OMS.0066, in 5 with OMS.0070",
    49: "Start in 3 or 4; refused with OMS.0065, in 5 with OMS.0070",
    50: "Delete in 1, 3, 4, 5, then 404 OMS.1009; refused with OMS.0063",
    51: "Start without `dst_ak`: OMS.1004; a URL list starts without source keys",
    52: "A task that waits for 30 days: 4, TRF.0003, credentials gone",
    53: "No credential is left after 3, 4, 5, and none is ever shown",
    54: "A task that succeeded shows progress 1, nothing left and its average speed",
    55: "One failed object: 4, TRF.0004, the others are migrated",
    56: "Progress counts objects for lists and bytes for prefixes",
    57: "Bandwidth windows: OMS.0083 to 0087, adjacent windows and whole floats are taken",
    58: "A new bandwidth policy acts within seconds; refused in 5 with OMS.0071",
    59: "Batch update: ids or a group, at most 20, all or none",
    60: "Descriptions: characters and length of tasks and synchronisation tasks",
    61: "Quotas of a day and of waiting tasks",
    62: "What does not fit the task type: S3M.0088, S3M.0095",
    63: "A destination region that is not the service's: S3M.0080",
    64: "Lists of tasks: limits, offsets, filters",
    65: "CDN authentication without its key: OMS.1032",
    66: "A PREFIX group makes several tasks whose totals add up",
    67: "A LIST group makes a task a list",
    68: "A group's states in their order",
    69: "Stop, start and retry of groups, and their refusals",
    70: "Deletion of groups",
    71: "The 101st group of a day: OMS.1037",
    72: "A group's update reaches all its tasks",
    73: "A group's retry of failed objects touches only those",
    74: "A new synchronisation task; the sixth is S3M.0091",
    75: "Keys of events are percent-decoded, `+` stays `+`",
    76: "Events that are refused",
    77: "A same-size newer destination counts as SKIP and REQUEST",
    78: "Stop and deletion of synchronisation tasks",
    79: "Counters of a month",
    80: "Statistics: stamps, empty buckets, types, ranges",
    81: "SIZE counts bytes of successes only",
    82: "Signature vectors verify; any change is 401",
    83: "A garbage body hash beside an empty body verifies",
    84: "UNSIGNED-PAYLOAD counts only when it is signed",
    85: "A date 16 minutes off is 401",
    86: "A temporary key needs its token, signed and valid",
    87: "Another project's token: 403 OMS.2001; no credentials: 401 OMS.9999",
    88: "The vendor's SDK finds exactly one project by name",
    89: "A token comes in X-Subject-Token and works at once",
    90: "`%2F` in an id verifies",
    91: "All operations of the vendor's SDK succeed",
    92: "Every error has code, message and X-Request-Id",
    93: "Bucket, cloud and region lists are bare arrays",
    94: "Terraform's task resource applies, plans empty and is destroyed",
    95: "Terraform's group resource applies, acts and is destroyed",
    96: "No documented field is lost in the SDK's models",
    97: "Notifications only for the wanted end; `smn_info` is set after it",
    98: "A topic of another region: OMS.0168; a failed sending leaves the task 5",
    99: "All template variables are filled",
    100: "CDN URL vectors verify, signed for each request",
    101: "A CDN object of another size: COMPARE_SRC_AND_CDN_FAILURE",
    102: "`cdn-info` tells existence and ETag for each key",
    103: "A listing shows folders and formatted sizes, and ends without a marker",
}

# What the first release has to show; of the others those are listed that have a test.
WANTED: Final = frozenset(
    {*range(1, 9), *range(15, 22), *range(23, 31), *range(32, 37), *range(38, 42), 44, 45}
)

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
        if number in tests or number in WANTED
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
