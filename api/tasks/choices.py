"""Enumerations that only request bodies know."""

from enum import StrEnum


class CdnProtocol(StrEnum):
    """How a CDN is spoken to."""

    HTTP = "http"
    HTTPS = "https"


class CdnAuthentication(StrEnum):
    """How requests to a CDN prove themselves (OMS table 5-44)."""

    NONE = "NONE"
    QINIU_PRIVATE_AUTHENTICATION = "QINIU_PRIVATE_AUTHENTICATION"
    ALIYUN_OSS_A = "ALIYUN_OSS_A"
    ALIYUN_OSS_B = "ALIYUN_OSS_B"
    ALIYUN_OSS_C = "ALIYUN_OSS_C"
    KSYUN_PRIVATE_AUTHENTICATION = "KSYUN_PRIVATE_AUTHENTICATION"
    AZURE_SAS_TOKEN = "AZURE_SAS_TOKEN"
    TENCENT_COS_A = "TENCENT_COS_A"
    TENCENT_COS_B = "TENCENT_COS_B"
    TENCENT_COS_C = "TENCENT_COS_C"
    TENCENT_COS_D = "TENCENT_COS_D"


# "Qiniu, KingsoftCloud: you do not need to set this parameter" (OMS table 5-44).
KEYLESS = frozenset(
    {
        CdnAuthentication.NONE,
        CdnAuthentication.QINIU_PRIVATE_AUTHENTICATION,
        CdnAuthentication.KSYUN_PRIVATE_AUTHENTICATION,
    }
)


class CryptoType(StrEnum):
    """How the keys in a request are encrypted; an SDK-only field (oms-behaviour 8.3)."""

    DEFAULT = "DEFAULT"
    KMS = "KMS"


class Language(StrEnum):
    """The language of notifications."""

    ZH_CN = "zh-cn"
    EN_US = "en-us"


class Trigger(StrEnum):
    """What a notification is sent for."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
