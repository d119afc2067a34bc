"""Enumerations that only request bodies know."""

from enum import StrEnum


class CdnProtocol(StrEnum):
    """How a CDN is spoken to."""

    HTTP = "http"
    HTTPS = "https"


class CryptoType(StrEnum):
    """How the keys in a request are encrypted; an SDK-only field (oms-behaviour 8.3)."""

    DEFAULT = "DEFAULT"
    KMS = "KMS"
