"""Whether an answer survives the SDK's model: no field lost, none of another type (check 96)."""

import re
from collections.abc import Mapping
from typing import Any

import huaweicloudsdkoms.v2.model as models

# What the reference documents and the SDK does not know (oms-behaviour 8.3).
UNKNOWN_TO_THE_SDK = frozenset({"enable_kms", "source_cdn"})
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "bool": (bool,), "float": (int, float), "date": (str,), "datetime": (str,),
}  # fmt: skip
_LIST = re.compile(r"list\[(.+)\]")
_MAP = re.compile(r"dict\((?:str|string), (.+)\)")


def faults(model: Any, raw: Any, where: str = "answer") -> list[str]:
    """What is wrong between a model and the JSON that it was made of; nothing for a good answer."""
    names = dict(type(model).attribute_map)
    if isinstance(raw, list):
        assert names == {"body": "body"}, where
        raw = {"body": raw}
    found = [f"{where}.{name}: not in the SDK" for name in raw if name not in names.values()]
    found = [fault for fault in found if fault.split(":")[0].rpartition(".")[2] not in UNKNOWN_TO_THE_SDK]
    for attribute, name in names.items():
        if attribute.startswith("x_") or ((attribute, name) == ("body", "body") and "body" not in raw):
            continue
        if name not in raw:
            found.append(f"{where}.{name}: not answered")
            continue
        kind = type(model).openapi_types[attribute]
        found += _compare(getattr(model, attribute), raw[name], kind, f"{where}.{name}")
    return found


def _compare(value: Any, raw: Any, kind: str, where: str) -> list[str]:
    if raw is None:
        return [] if value is None else [f"{where}: null became {value!r}"]
    listed, mapped = _LIST.fullmatch(kind), _MAP.fullmatch(kind)
    if listed:
        return _compare_items(value, raw, listed[1], where)
    if mapped:
        return [] if value == raw else [f"{where}: {raw!r} became {value!r}"]
    if kind in _SCALARS:
        right = isinstance(raw, _SCALARS[kind]) and (kind == "bool" or not isinstance(raw, bool))
        if not right:
            return [f"{where}: {type(raw).__name__} is not {kind}"]
        return [] if value == raw else [f"{where}: {raw!r} became {value!r}"]
    if not isinstance(value, getattr(models, kind, object)):
        return [f"{where}: {raw!r} is no {kind}"]
    return [f"{where}: {raw!r} is no object"] if not isinstance(raw, dict) else faults(value, raw, where)


def _compare_items(value: Any, raw: Any, kind: str, where: str) -> list[str]:
    if not isinstance(raw, list) or not isinstance(value, list) or len(value) != len(raw):
        return [f"{where}: {raw!r} became {value!r}"]
    pairs = enumerate(zip(value, raw, strict=True))
    return [fault for n, (one, other) in pairs for fault in _compare(one, other, kind, f"{where}[{n}]")]
