"""What must hold of a new synchronisation task beyond the types of its fields, in the order of oms-behaviour 4.8."""

import re
from typing import Final

from pydantic import SecretStr

from api.errors import ApiError
from api.sync.schemas import CreateSyncTaskBody, StartSyncTaskBody, SyncCheck
from api.tasks.checks import (
    BUILT_CLOUDS,
    cdn_node,
    check_cdn,
    check_cdn_domain,
    check_key,
    refuse_unbuilt,
)
from api.tasks.choices import CryptoType
from api.vault import TaskKeys
from connectors.endpoints import EndpointError, Endpoints
from engine.keys import same_bucket_refusal
from engine.spec import (
    CloudType,
    ConsistencyCheck,
    DestinationNode,
    SourceNode,
    StoragePolicy,
    TaskSpec,
    TaskType,
)

_NO_SOURCE: Final = frozenset({CloudType.GOOGLE, CloudType.URL_SOURCE, CloudType.HEC})
_CRC64_CLOUDS: Final = frozenset({CloudType.HUAWEI_CLOUD, CloudType.ALIYUN, CloudType.TENCENT})
_DESCRIPTION: Final = re.compile(r"[<>()\"'&]")
_NAME: Final = re.compile(r"[^\x00-\x20/\x7f]+")


def sync_spec(body: CreateSyncTaskBody) -> TaskSpec:
    """The request as the engine's value; the overwrite mode is always the default one (oms-behaviour 6.1)."""
    return TaskSpec(
        task_type=TaskType.OBJECT,
        source=SourceNode(
            cloud_type=body.src_cloud_type or CloudType.ALIYUN,
            region=body.src_region,
            bucket=body.src_bucket,
            app_id=body.app_id or "",
        ),
        destination=DestinationNode(body.dst_bucket, body.dst_region),
        enable_kms=bool(body.enable_kms),
        enable_metadata_migration=bool(body.enable_metadata_migration),
        enable_restore=bool(body.enable_restore),
        storage_policy=body.dst_storage_policy or StoragePolicy.STANDARD,
        consistency=(body.consistency_check or SyncCheck.SIZE_LAST_MODIFIED).consistency,
        description=body.description or "",
        cdn=cdn_node(body.source_cdn),
    )


def check(body: CreateSyncTaskBody, spec: TaskSpec, own_region: str | None, endpoints: Endpoints) -> None:
    """Raises ApiError for the first thing that does not fit; last of all 501 for what is not built."""
    _check_required(body, spec)
    _check_names(spec)
    if _DESCRIPTION.search(spec.description):
        raise ApiError("OMS.0078", "description")
    _check_choices(spec)
    if body.source_cdn is not None:
        check_cdn(body.source_cdn)
        check_cdn_domain(body.source_cdn, endpoints)
    if own_region is not None and spec.destination.region != own_region:
        raise ApiError("S3M.0080", "dst_region")
    if same_bucket_refusal(spec, same_store=_same_store(spec, endpoints)):
        raise ApiError("OMS.0058", "dst_bucket: source and destination are one bucket")
    unbuilt = {
        "source_cdn.crypto_type": body.source_cdn is not None and body.source_cdn.crypto_type == "KMS",
        "src_cloud_type": spec.source.cloud_type not in BUILT_CLOUDS,
        "src_crypto_type": body.src_crypto_type is CryptoType.KMS,
        "dst_crypto_type": body.dst_crypto_type is CryptoType.KMS,
    }
    refuse_unbuilt([field for field, asked in unbuilt.items() if asked])


def keys_of(body: CreateSyncTaskBody | StartSyncTaskBody) -> TaskKeys:
    """All four keys. Raises ApiError when one is missing or cannot be used."""
    named: dict[str, SecretStr] = {
        "src_ak": body.src_ak,
        "src_sk": body.src_sk,
        "dst_ak": body.dst_ak,
        "dst_sk": body.dst_sk,
    }
    for field, key in named.items():
        check_key(field, key)
    if isinstance(body, StartSyncTaskBody):
        cdn_key = body.source_cdn_authentication_key
    else:
        cdn_key = body.source_cdn.authentication_key if body.source_cdn else None
    return TaskKeys.of((body.src_ak, body.src_sk, None), (body.dst_ak, body.dst_sk, None), cdn_key)


def check_start(body: StartSyncTaskBody) -> TaskKeys:
    """The keys of a start. Raises ApiError."""
    keys = keys_of(body)
    kms = {"src_crypto_type": body.src_crypto_type, "dst_crypto_type": body.dst_crypto_type}
    refuse_unbuilt([field for field, crypto in kms.items() if crypto is CryptoType.KMS])
    return keys


def _check_required(body: CreateSyncTaskBody, spec: TaskSpec) -> None:
    required = {
        "src_region": spec.source.region,
        "src_bucket": spec.source.bucket,
        "dst_region": spec.destination.region,
        "dst_bucket": spec.destination.bucket,
    }
    for field, value in required.items():
        if not value:
            raise ApiError("OMS.1004", field)
    if spec.source.cloud_type is CloudType.TENCENT and not spec.source.app_id:
        raise ApiError("OMS.1004", "app_id")
    keys_of(body)


def _check_names(spec: TaskSpec) -> None:
    for code, field, value in (
        ("OMS.0057", "src_bucket", spec.source.bucket),
        ("OMS.0057", "src_region", spec.source.region),
        ("OMS.0058", "dst_bucket", spec.destination.bucket),
        ("OMS.0058", "dst_region", spec.destination.region),
    ):
        if not _NAME.fullmatch(value):
            raise ApiError(code, f"{field}: no blanks, slashes or control characters")


def _check_choices(spec: TaskSpec) -> None:
    cloud = spec.source.cloud_type
    if cloud in _NO_SOURCE:
        raise ApiError("OMS.0001", f"src_cloud_type: {cloud} is no source of events")
    if spec.consistency is ConsistencyCheck.CRC64 and cloud not in _CRC64_CLOUDS:
        raise ApiError("S3M.0094", "consistency_check")
    if spec.enable_restore and cloud is CloudType.QING_CLOUD:
        raise ApiError("OMS.1048", "enable_restore")


def _same_store(spec: TaskSpec, endpoints: Endpoints) -> bool:
    try:
        source = endpoints.find(spec.source.cloud_type.value, spec.source.region)
        destination = endpoints.find(CloudType.HEC.value, spec.destination.region)
    except EndpointError:
        return False
    return (source.host, source.port) == (destination.host, destination.port)
