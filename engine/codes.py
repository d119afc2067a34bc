"""Every error code that is answered or recorded: its words and its HTTP status (OMS 6.2)."""

from typing import Final

from engine import codes_oms, codes_s3m, codes_trf

_MESSAGES: Final = {**codes_trf.MESSAGES, **codes_s3m.MESSAGES, **codes_oms.MESSAGES}

# What is not 400. Where the reference contradicts itself: a bad token is 401 (oms-behaviour 7.1), an unknown
# task or event target is 404 (4.1, 6.1), a body that is too large is 413 (7.2).
_STATUSES: Final = {
    "OMS.0068": 401,
    "OMS.9999": 401,
    "OMS.0095": 403,
    "OMS.0205": 403,
    "OMS.0206": 403,
    "OMS.2001": 403,
    "S3M.0162": 403,
    "S3M.0163": 403,
    "OMS.1009": 404,
    "OMS.2002": 404,
    "S3M.0256": 404,
    "S3M.1008": 405,
    "S3M.0172": 413,
    "OMS.2004": 503,
    "TRF.0018": 400,
    "TRF.0019": 400,
    "TRF.0027": 403,
}


def known(code: str) -> bool:
    """True for a code of the reference."""
    return code in _MESSAGES


def message(code: str) -> str:
    """The reference's words for `code`; `{0}` places stay as they are. Raises KeyError for another code."""
    return _MESSAGES[code]


def http_status(code: str, *, action: bool = False) -> int:
    """The status that `code` is answered with; TRF.* codes live inside a 200.

    `action`: start, stop, delete and bandwidth of an unknown task know no 404 (oms-behaviour 4.1).
    Raises KeyError for an unknown code.
    """
    if code not in _MESSAGES:
        raise KeyError(code)
    if action and code == "OMS.1009":
        return 400
    return _STATUSES.get(code, 200 if code.startswith("TRF.") else 400)
