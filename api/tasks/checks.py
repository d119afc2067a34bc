"""What must hold of a new task beyond the types of its fields, in the order of oms-behaviour 4.8."""

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import SecretStr

from api.errors import ApiError
from api.keyfiles import check_key_file
from api.tasks.schemas import BandwidthBody, CdnBody, CreateTaskBody, ListFileBody, SmnBody, SourceBody
from connectors.azure.connection import BadConnectionString, parse_connection_string
from connectors.cdn import cdn_target
from connectors.endpoints import EndpointError, Endpoints
from engine.cdn import KEYLESS
from engine.keys import same_bucket_refusal
from engine.spec import (
    CdnNode,
    CloudType,
    ConsistencyCheck,
    DestinationNode,
    ListFile,
    OverwriteMode,
    Priority,
    SourceNode,
    StoragePolicy,
    TaskSpec,
    TaskType,
)
from engine.windows import PolicyRefused, parse_policy, policy_json

BUILT_CLOUDS: Final = frozenset(
    {
        CloudType.AWS,
        CloudType.HUAWEI_CLOUD,
        CloudType.ALIYUN,
        CloudType.TENCENT,
        CloudType.KINGSOFT_CLOUD,
        CloudType.BAIDU,
        CloudType.AZURE,
        CloudType.QING_CLOUD,
        CloudType.QINIU,
        CloudType.UCLOUD,
        CloudType.GOOGLE,
        CloudType.URL_SOURCE,
    }
)
_CRC64_CLOUDS: Final = frozenset({CloudType.HUAWEI_CLOUD, CloudType.ALIYUN, CloudType.TENCENT})
_NO_RESTORE: Final = frozenset({CloudType.QING_CLOUD, CloudType.GOOGLE, CloudType.URL_SOURCE})
_LISTED: Final = frozenset({TaskType.LIST, TaskType.URL_LIST})
_DESCRIPTION: Final = re.compile(r"[\^<>&\"']")
_NAME: Final = re.compile(r"[^\x00-\x20/\x7f]+")
_ACCESS_KEY: Final = re.compile(r"[\x21-\x7e]+")
_TOPIC: Final = re.compile(r"urn:smn:([^:]+):[^:]+:[^:]+")


def task_spec(body: CreateTaskBody) -> TaskSpec:
    """The request as the engine's value, defaults filled in (table 5-39)."""
    source, destination = body.src_node, body.dst_node
    return TaskSpec(
        task_type=body.task_type or TaskType.OBJECT,
        source=_source(source),
        destination=DestinationNode(destination.bucket, destination.region, destination.save_prefix or ""),
        enable_kms=bool(body.enable_kms),
        migrate_since_s=body.migrate_since or 0,
        enable_metadata_migration=bool(body.enable_metadata_migration),
        enable_restore=bool(body.enable_restore),
        record_failures=body.enable_failed_object_recording is not False,
        overwrite=body.object_overwrite_mode or OverwriteMode.SIZE_LAST_MODIFIED,
        storage_policy=body.dst_storage_policy or StoragePolicy.STANDARD,
        consistency=body.consistency_check or ConsistencyCheck.SIZE_LAST_MODIFIED,
        requester_pays=bool(body.enable_requester_pays),
        description=body.description or "",
        cdn=cdn_node(body.source_cdn),
    )


def priority(body: CreateTaskBody) -> int:
    """0 goes first."""
    return (body.task_priority or Priority.MEDIUM).rank


def check(body: CreateTaskBody, spec: TaskSpec, own_region: str | None, endpoints: Endpoints) -> None:
    """Raises ApiError for the first thing that does not fit; last of all 501 for what is not built."""
    _check_required(body, spec, endpoints)
    _check_names(spec)
    _check_description(spec.description)
    _check_selection(spec)
    _check_choices(spec)
    if body.source_cdn is not None:
        check_cdn(body.source_cdn)
        check_cdn_domain(body.source_cdn, endpoints)
        if spec.task_type is TaskType.URL_LIST:
            raise ApiError("S3M.0095", "source_cdn: URLs have no CDN")
    bandwidth(body.bandwidth_policy or [])
    _check_regions(body.smn_config, spec, own_region)
    if same_bucket_refusal(spec, same_store=_same_store(spec, endpoints)):
        raise ApiError("OMS.0058", "dst_node.save_prefix: source and destination are one bucket")
    _check_built(body, spec)


def bandwidth(policy: Sequence[BandwidthBody]) -> list[dict[str, Any]]:
    """The windows as they are stored and shown. Raises ApiError OMS.0083 to OMS.0087."""
    try:
        return policy_json(parse_policy([window.model_dump() for window in policy]))
    except PolicyRefused as refused:
        raise ApiError(refused.code, "bandwidth_policy") from refused


def check_key(field: str, key: SecretStr | None) -> None:
    """Raises ApiError for a key that is missing, empty, or holds what no header can carry."""
    text = "" if key is None else key.get_secret_value()
    if not text.strip():
        raise ApiError("OMS.1004", field)
    if not _ACCESS_KEY.fullmatch(text):
        raise ApiError("OMS.0001", f"{field}: printable ASCII without blanks")


def check_connection_string(field: str, told: SecretStr) -> None:
    """Raises ApiError for a connection string that is empty, or opens no account of Azure."""
    text = told.get_secret_value()
    if not text.strip():
        raise ApiError("OMS.1004", field)
    try:
        parse_connection_string(text)
    except BadConnectionString as error:
        raise ApiError("OMS.0001", f"{field}: {error}") from error


def check_cdn(cdn: CdnBody) -> None:
    """Raises ApiError OMS.1032 when the authentication needs a key and none is given."""
    keyless = cdn.authentication_type in KEYLESS
    if not keyless and (cdn.authentication_key is None or not cdn.authentication_key.get_secret_value()):
        raise ApiError("OMS.1032", "source_cdn.authentication_key")


def check_cdn_domain(cdn: CdnBody, endpoints: Endpoints) -> None:
    """Raises ApiError for a domain that is no host name."""
    try:
        cdn_target(endpoints, cdn.protocol.value, cdn.domain)
    except ValueError as error:
        raise ApiError("OMS.0001", f"source_cdn.domain: {error}") from error


def check_cdn_key(cdn: CdnNode | None, key: SecretStr | None) -> None:
    """Raises ApiError OMS.1032 when a start brings no key for a CDN that needs one."""
    if cdn is not None and cdn.authentication not in KEYLESS and not (key and key.get_secret_value()):
        raise ApiError("OMS.1032", "source_cdn_authentication_key")


def cdn_node(body: CdnBody | None) -> CdnNode | None:
    """The CDN of a request without its key."""
    return None if body is None else CdnNode(body.domain, body.protocol.value, body.authentication_type)


def _source(body: SourceBody) -> SourceNode:
    listed = body.list_file
    return SourceNode(
        cloud_type=body.cloud_type or CloudType.ALIYUN,
        region=body.region or "",
        bucket=body.bucket or "",
        app_id=body.app_id or "",
        object_keys=tuple(body.object_key or ()),
        list_file=None if listed is None else _list_file(listed),
    )


def _list_file(body: ListFileBody) -> ListFile:
    return ListFile(body.obs_bucket, body.list_file_key, body.list_file_num or "")


def _check_required(body: CreateTaskBody, spec: TaskSpec, endpoints: Endpoints) -> None:
    if spec.task_type is not TaskType.URL_LIST:
        _check_source_required(body.src_node, spec.source, endpoints)
    for field, value in (("bucket", spec.destination.bucket), ("region", spec.destination.region)):
        if not value:
            raise ApiError("OMS.1004", f"dst_node.{field}")
    check_key("dst_node.ak", body.dst_node.ak)
    check_key("dst_node.sk", body.dst_node.sk)


def _check_source_required(body: SourceBody, source: SourceNode, endpoints: Endpoints) -> None:
    for field, value in (("bucket", source.bucket), ("region", source.region)):
        if not value:
            raise ApiError("OMS.1004", f"src_node.{field}")
    if source.cloud_type is CloudType.TENCENT and not source.app_id:
        raise ApiError("OMS.1004", "src_node.app_id")
    if source.cloud_type is CloudType.GOOGLE:
        check_key_file("src_node.json_auth_file", body.json_auth_file, endpoints)
        return
    if source.cloud_type is CloudType.AZURE and body.connection_string is not None:
        check_connection_string("src_node.connection_string", body.connection_string)
        return
    check_key("src_node.ak", body.ak)
    check_key("src_node.sk", body.sk)


def _check_names(spec: TaskSpec) -> None:
    for code, field, value in (
        ("OMS.0057", "src_node.bucket", spec.source.bucket),
        ("OMS.0057", "src_node.region", spec.source.region),
        ("OMS.0058", "dst_node.bucket", spec.destination.bucket),
        ("OMS.0058", "dst_node.region", spec.destination.region),
    ):
        if value and not _NAME.fullmatch(value):
            raise ApiError(code, f"{field}: no blanks, slashes or control characters")


def _check_description(description: str) -> None:
    if _DESCRIPTION.search(description):
        raise ApiError("OMS.0078", "description")


def _check_selection(spec: TaskSpec) -> None:
    source = spec.source
    listed = spec.task_type in _LISTED
    fits = source.list_file is not None and not source.object_keys if listed else source.list_file is None
    if not fits or (not listed and not source.object_keys):
        raise ApiError("S3M.0088", "src_node.object_key" if not listed else "src_node.list_file")
    if (spec.task_type is TaskType.URL_LIST) != (source.cloud_type is CloudType.URL_SOURCE):
        raise ApiError("S3M.0095", "src_node.cloud_type")
    if source.cloud_type is CloudType.HEC:
        raise ApiError("OMS.0001", "src_node.cloud_type: HEC is a destination")
    if spec.destination.save_prefix.startswith("/"):
        raise ApiError("S3M.0092", "dst_node.save_prefix")


def _check_choices(spec: TaskSpec) -> None:
    cloud = spec.source.cloud_type
    if spec.overwrite is OverwriteMode.CRC64 and cloud not in _CRC64_CLOUDS:
        raise ApiError("S3M.0093", "object_overwrite_mode")
    if spec.consistency is ConsistencyCheck.CRC64 and cloud not in _CRC64_CLOUDS:
        raise ApiError("S3M.0094", "consistency_check")
    if spec.consistency is ConsistencyCheck.NO_CHECK and cloud is not CloudType.URL_SOURCE:
        raise ApiError("S3M.0094", "consistency_check")
    if spec.enable_restore and cloud in _NO_RESTORE:
        raise ApiError("OMS.1048", "enable_restore")


def _check_regions(smn: SmnBody | None, spec: TaskSpec, own_region: str | None) -> None:
    if own_region is not None and spec.destination.region != own_region:
        raise ApiError("S3M.0080", "dst_node.region")
    if smn is None:
        return
    topic = _TOPIC.fullmatch(smn.topic_urn)
    if topic is None:
        raise ApiError("OMS.0157", "smn_config.topic_urn")
    if own_region is not None and topic[1] != own_region:
        raise ApiError("OMS.0168", "smn_config.topic_urn")


def _same_store(spec: TaskSpec, endpoints: Endpoints) -> bool:
    try:
        source = endpoints.find(spec.source.cloud_type.value, spec.source.region)
        destination = endpoints.find(CloudType.HEC.value, spec.destination.region)
    except EndpointError:
        return False
    return (source.host, source.port) == (destination.host, destination.port)


def _check_built(body: CreateTaskBody, spec: TaskSpec) -> None:
    unbuilt = {
        "source_cdn.crypto_type": body.source_cdn is not None and body.source_cdn.crypto_type == "KMS",
        "src_node.cloud_type": spec.source.cloud_type not in BUILT_CLOUDS,
        "src_node.crypto_type": body.src_node.crypto_type == "KMS",
        "dst_node.crypto_type": body.dst_node.crypto_type == "KMS",
    }
    refuse_unbuilt([field for field, asked in unbuilt.items() if asked])


def refuse_unbuilt(fields: Sequence[str]) -> None:
    """Raises ApiError 501 that names the fields, if there are any."""
    if fields:
        raise ApiError("OMS.0001", f"not implemented: {', '.join(fields)}", status=501)
