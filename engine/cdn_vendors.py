"""Whose CDN answers: by the kind of signature, the host name, or the headers that only one vendor's edge writes."""

from collections.abc import Collection, Mapping
from typing import Final

from engine.cdn import CdnAuthentication
from engine.spec import CloudType

_BY_KIND: Final[Mapping[str, CloudType]] = {
    "ALIYUN": CloudType.ALIYUN,
    "TENCENT": CloudType.TENCENT,
    "QINIU": CloudType.QINIU,
    "KSYUN": CloudType.KINGSOFT_CLOUD,
    "AZURE": CloudType.AZURE,
}
_BY_HEADER: Final[Mapping[str, CloudType]] = {
    "x-amz-cf-id": CloudType.AWS,
    "x-azure-ref": CloudType.AZURE,
    "eagleid": CloudType.ALIYUN,
    "x-nws-log-uuid": CloudType.TENCENT,
    "x-ccdn-cachettl": CloudType.HUAWEI_CLOUD,
    "x-hcs-proxy-type": CloudType.HUAWEI_CLOUD,
    "x-qnm-cache": CloudType.QINIU,
    "ohc-cache-hit": CloudType.BAIDU,
}
_BY_SUFFIX: Final[Mapping[str, CloudType]] = {
    ".cloudfront.net": CloudType.AWS,
    ".azureedge.net": CloudType.AZURE,
    ".azurefd.net": CloudType.AZURE,
    ".kunlunsl.com": CloudType.ALIYUN,
    ".cdn.dnsv1.com": CloudType.TENCENT,
    ".cdnhwc1.com": CloudType.HUAWEI_CLOUD,
    ".qiniudns.com": CloudType.QINIU,
    ".clouddn.com": CloudType.QINIU,
    ".bdydns.com": CloudType.BAIDU,
}


def cdn_vendor(kind: CdnAuthentication, host: str, headers: Collection[str]) -> CloudType | None:
    """The cloud whose CDN this is, None when nothing tells; `headers` are lower-case names of its answers."""
    by_kind = _BY_KIND.get(kind.value.partition("_")[0])
    if by_kind is not None:
        return by_kind
    by_suffix = (cloud for suffix, cloud in _BY_SUFFIX.items() if host.lower().endswith(suffix))
    by_header = (cloud for name, cloud in _BY_HEADER.items() if name in headers)
    return next(by_suffix, None) or next(by_header, None)


def same_vendor(source: CloudType, cdn: CloudType | None) -> bool:
    """Whether the CDN is the source cloud's own (OMS table 5-189); HEC and HuaweiCloud are one vendor."""
    return cdn is not None and (source is cdn or {source, cdn} == {CloudType.HEC, CloudType.HUAWEI_CLOUD})
