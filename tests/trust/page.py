"""What the last pass found: `trust.json`, and the tables between the marks of docs/trust.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.bars import bars
from connectors.s3.dialect import Dialect
from connectors.s3.dialects import DIALECTS
from tests.trust.promises import PROMISES, ROOT, Promise
from tests.trust.trying import Verdict

PAGE: Final = ROOT / "docs/trust.md"
RESULT: Final = ROOT / "trust.json"
NOT_RUN: Final = "not run"
Figures = Mapping[str, list[str]]


def merged(verdicts: Sequence[Verdict], figures: Figures) -> dict[str, Any]:
    """What the file is to hold: these, and what it says of others that are as they were."""
    known = json.loads(RESULT.read_text())["promises"] if RESULT.exists() else []
    document = written(verdicts, figures)
    tried = {one["number"] for one in document["promises"]}
    wanted = {
        one["number"]: one for one in written([Verdict(one, "caught") for one in PROMISES], {})["promises"]
    }
    kept = [
        one
        for one in known
        if one["number"] not in tried and {**one, "caught": True, "notice": ""} == wanted.get(one["number"])
    ]
    document["promises"] = sorted([*kept, *document["promises"]], key=lambda one: one["number"])
    return document


def written(verdicts: Sequence[Verdict], figures: Figures) -> dict[str, Any]:
    """What the file holds."""
    return {
        "promises": [
            {
                "number": one.promise.number,
                "promise": one.promise.words,
                "mechanism": {"path": one.promise.path, "name": one.promise.mechanism},
                "test": one.promise.test,
                "mutation": {
                    "what": one.promise.mutation,
                    "old": one.promise.old,
                    "new": one.promise.new,
                },
                "caught": one.word == "caught",
                "notice": one.notice,
            }
            for one in verdicts
        ],
        "figures": dict(figures),
    }


def to_text(document: Mapping[str, Any]) -> str:
    """As it stands in the file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def figures_of(bench: Path, chaos: Path, root: Path = ROOT) -> dict[str, list[str]]:
    """The last full runs in lines, from the files that they left, or from the pages that tell of them."""
    return {
        "chaos": _chaos(chaos) or _paragraphs(root / "docs/reliability.md", "One run of"),
        "simulation": _paragraphs(root / "docs/simulation.md", "One run of"),
        "bench": _bench(bench),
    }


def filled(page: str, document: Mapping[str, Any]) -> str:
    """The page with what is generated put between its marks."""
    for name, lines in (
        ("promises", promise_table(document)),
        ("stores", store_table()),
        ("figures", figure_table(document["figures"])),
    ):
        page = _between(page, name, "\n".join(lines))
    return page


def promise_table(document: Mapping[str, Any]) -> Iterator[str]:
    """Promise, test, mutation, and what became of it."""
    caught = {one["number"]: one["caught"] for one in document["promises"]}
    yield "| promise | test | taken out | noticed |"
    yield "|---|---|---|---|"
    for one in PROMISES:
        found = {True: "yes", False: "**no**"}.get(caught.get(one.number), NOT_RUN)
        yield f"| {one.number} {one.words} | `{one.test}` | {one.mutation} ({_where(one)}) | {found} |"


def store_table() -> Iterator[str]:
    """What the answers of each store can prove, as its dialect says."""
    yield "| dialect | MD5 of a PUT | MD5s of parts | CRC64 | refuses a wrong Content-MD5 | writes on condition |"
    yield "|---|---|---|---|---|---|"
    for name, dialect in sorted(DIALECTS.items()):
        traits = dialect.traits
        composite = traits.etag_is_md5 and traits.composite_etag
        cells = (
            _hash(dialect), _word(composite), _word(dialect.crc64_header), _word(traits.md5_enforced),
            _word(traits.conditional_put),
        )  # fmt: skip
        yield f"| `{name}` | {' | '.join(cells)} |"


def figure_table(figures: Figures) -> Iterator[str]:
    """A row for each kind of run."""
    yield "| run | figures |"
    yield "|---|---|"
    for command, name in (("make chaos", "chaos"), ("make sim", "simulation"), ("make bench", "bench")):
        yield f"| `{command}` | {'<br>'.join(figures.get(name) or [NOT_RUN])} |"


def _where(one: Promise) -> str:
    return f"`{one.path}`"


def _hash(dialect: Dialect) -> str:
    if dialect.qetag:
        return "ETag of the vendor's own"
    if dialect.traits.etag_is_md5:
        return "ETag"
    return "Content-MD5" if dialect.md5_headers else "–"


def _word(value: object) -> str:
    return "yes" if value else "–"


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no marks for {name}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def _paragraphs(page: Path, start: str) -> list[str]:
    text = page.read_text().split("\n\n")
    return [" ".join(one.split()).replace("|", "\\|") for one in text if one.startswith(start)]


def _chaos(file: Path) -> list[str]:
    if not file.exists():
        return []
    report = json.loads(file.read_text())
    return [
        f"{name}: {value}" for name, value in report.items() if isinstance(value, int | float | str | bool)
    ]


def _bench(file: Path) -> list[str]:
    if not file.exists():
        return []
    told = bars(json.loads(file.read_text()))
    return [f"{one.name}: {one.found:.3g} ({one.wanted}: {'yes' if one.holds else '**no**'})" for one in told]
