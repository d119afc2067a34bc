"""The vendors' own host names by region, as data (clouds.md B2-B10 row 1)."""

import re
from collections.abc import Callable, Mapping

_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_KS3_LABELS: Mapping[str, str] = {
    "BEIJING": "ks3-cn-beijing",
    "SHANGHAI": "ks3-cn-shanghai",
    "GUANGZHOU": "ks3-cn-guangzhou",
    "QINGDAO": "ks3-cn-qingdao",
    "HONGKONG": "ks3-cn-hk-1",
    "RUSSIA": "ks3-rus",
    "SINGAPORE": "ks3-sgp",
    "JR_BEIJING": "ks3-jr-beijing",
    "JR_SHANGHAI": "ks3-jr-shanghai",
    "GOV_BEIJING": "ks3-gov-beijing",
    "AMERICA": "ks3-us-west-1",
}
# Other names of the same regions: the labels themselves, and what stands after `ks3-` in them.
_KS3_HOSTS: Mapping[str, str] = {
    **{region.lower().replace("_", "-"): f"{label}.ksyuncs.com" for region, label in _KS3_LABELS.items()},
    **{label: f"{label}.ksyuncs.com" for label in _KS3_LABELS.values()},
    **{label.removeprefix("ks3-"): f"{label}.ksyuncs.com" for label in _KS3_LABELS.values()},
    "hangzhou": "kss.ksyun.com",
}
# Names of Qiniu's own interface for regions that its S3 hosts call otherwise.
_KODO_REGIONS: Mapping[str, str] = {
    "z0": "cn-east-1",
    "z1": "cn-north-1",
    "z2": "cn-south-1",
    "na0": "us-north-1",
    "as0": "ap-southeast-1",
}


def _azure_host(region: str) -> str:
    """The domain that accounts stand before; only the sovereign clouds have one of their own (clouds.md B7)."""
    if region.startswith("china"):
        return "blob.core.chinacloudapi.cn"
    return "blob.core.usgovcloudapi.net" if region.startswith("usgov") else "blob.core.windows.net"


_HOSTS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "Aliyun": ("oss", lambda region: f"oss-{region.removeprefix('oss-')}.aliyuncs.com"),
    "Tencent": ("cos", lambda region: f"cos.{region}.myqcloud.com"),
    "KingsoftCloud": ("ks3", lambda region: _KS3_HOSTS.get(region, "")),
    "Baidu": ("bos", lambda region: f"{region}.bcebos.com"),
    "Azure": ("azure", _azure_host),
    "Qiniu": ("kodo", lambda region: f"s3.{_KODO_REGIONS.get(region, region)}.qiniucs.com"),
    "UCloud": ("us3", lambda region: f"s3-{region}.ufileos.com"),
    "QingCloud": ("qingstor", lambda zone: f"{zone}.qingstor.com"),
    # One host for all regions.
    "Google": ("google", lambda region: "storage.googleapis.com"),
}


def vendor_host(cloud_type: str, region: str) -> tuple[str, str] | None:
    """Host and dialect of a region, whose name is understood in any case; None when none is known."""
    label = region.lower().replace("_", "-")
    # The region becomes part of a host name, so nothing but a plain label may stand there.
    if cloud_type not in _HOSTS or not _LABEL.fullmatch(label):
        return None
    dialect, host_of = _HOSTS[cloud_type]
    host = host_of(label)
    return (host, dialect) if host else None


def signed_region(cloud_type: str, region: str) -> str:
    """The region as signatures name it, which is as the vendor's hosts do."""
    return _KODO_REGIONS.get(region.lower(), region.lower()) if cloud_type == "Qiniu" else region
