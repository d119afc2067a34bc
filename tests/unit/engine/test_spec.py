"""A task's specification survives storage exactly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cdn import CdnAuthentication
from engine.spec import (
    SOURCES,
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
    from_json,
    to_json,
)

TEXT = st.text(max_size=8)
FLAG = st.booleans()
SPECS = st.builds(
    TaskSpec,
    task_type=st.sampled_from(TaskType),
    source=st.builds(
        SourceNode,
        cloud_type=st.sampled_from(CloudType),
        region=TEXT,
        bucket=TEXT,
        app_id=TEXT,
        object_keys=st.lists(TEXT, max_size=4).map(tuple),
        list_file=st.none() | st.builds(ListFile, bucket=TEXT, key=TEXT, count=TEXT),
    ),
    destination=st.builds(DestinationNode, bucket=TEXT, region=TEXT, save_prefix=TEXT),
    enable_kms=FLAG,
    migrate_since_s=st.integers(0, 2**63 - 1),
    enable_metadata_migration=FLAG,
    enable_restore=FLAG,
    record_failures=FLAG,
    overwrite=st.sampled_from(OverwriteMode),
    storage_policy=st.sampled_from(StoragePolicy),
    consistency=st.sampled_from(ConsistencyCheck),
    requester_pays=FLAG,
    description=TEXT,
    cdn=st.none()
    | st.builds(CdnNode, domain=TEXT, protocol=TEXT, authentication=st.sampled_from(CdnAuthentication)),
)


@given(SPECS)
def test_a_spec_comes_back_from_json_as_it_was(spec):
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec


def test_a_spec_of_before_there_were_cdns_is_read():
    stored = to_json(TaskSpec(TaskType.PREFIX, SourceNode(CloudType.AWS), DestinationNode("b", "r")))
    del stored["cdn"]
    assert from_json(stored).cdn is None


def test_types_come_back_as_enums_and_tuples():
    spec = TaskSpec(
        TaskType.OBJECT,
        SourceNode(CloudType.AWS, object_keys=("a", "b/")),
        DestinationNode("b", "r"),
    )
    back = from_json(json.loads(json.dumps(to_json(spec))))
    assert type(back.task_type) is TaskType
    assert type(back.source.cloud_type) is CloudType
    assert type(back.source.object_keys) is tuple
    assert type(back.overwrite) is OverwriteMode


@pytest.mark.parametrize("field", ["task_type", "source", "destination", "overwrite"])
def test_a_stored_spec_without_a_field_is_an_error(field):
    stored = to_json(TaskSpec(TaskType.PREFIX, SourceNode(CloudType.AWS), DestinationNode("b", "r")))
    del stored[field]
    with pytest.raises(KeyError):
        from_json(stored)


def test_defaults_are_those_of_the_reference():
    spec = TaskSpec(TaskType.OBJECT, SourceNode(CloudType.ALIYUN), DestinationNode("b", "r"))
    assert spec.overwrite == "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    assert (spec.storage_policy, spec.consistency) == ("STANDARD", "size_last_modified")
    assert (spec.record_failures, spec.enable_kms, spec.enable_restore) == (True, False, False)


def test_clouds_are_named_as_in_the_api_and_found_in_any_case():
    expected = (
        "AWS Azure Aliyun Tencent HuaweiCloud QingCloud KingsoftCloud Baidu Google Qiniu UCloud URLSource"
    )
    assert [cloud.value for cloud in SOURCES] == expected.split()
    assert CloudType("HUAWEICLOUD") is CloudType.HUAWEI_CLOUD
    assert CloudType("hec") is CloudType.HEC
    for other in ("", "Amazon", 1, None):
        with pytest.raises(ValueError, match="CloudType"):
            CloudType(other)


def test_high_priority_goes_first():
    assert sorted(Priority, key=lambda priority: priority.rank) == ["HIGH", "MEDIUM", "LOW"]
