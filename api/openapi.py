"""The OpenAPI page: FastAPI's, without the answers that this API never gives."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import compile_path

_UNUSED = ("HTTPValidationError", "ValidationError")
_SCHEMES = {
    "Token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
    "Signature": {"type": "apiKey", "in": "header", "name": "Authorization"},
}
# Either of them proves who calls.
GUARDED: Final[list[dict[str, list[str]]]] = [{name: []} for name in _SCHEMES]


def describe(app: FastAPI) -> dict[str, Any]:
    """The description, built once."""
    if app.openapi_schema is None:
        page = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for methods in page["paths"].values():
            for operation in methods.values():
                # Faults of the request are 400 here, in the reference's form.
                operation["responses"].pop("422", None)
        page["components"]["securitySchemes"] = _SCHEMES
        for name in _UNUSED:
            page["components"]["schemas"].pop(name, None)
        app.openapi_schema = page
    return app.openapi_schema


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """What may be done with a path."""
    paths: dict[str, dict[str, Any]] = describe(app)["paths"]
    templates = [template for template in paths if compile_path(template)[0].match(path)]
    if not templates:
        return []
    # A word that stands in the path itself wins over a parameter in its place.
    return sorted(method.upper() for method in paths[min(templates, key=lambda found: found.count("{"))])
