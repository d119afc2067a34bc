"""Names at the destination (oms-behaviour 2.1, 3.4; checks 23, 39)."""

import pytest

from engine.failures import Meaning
from engine.keys import (
    destination_key,
    is_own_output,
    is_workspace,
    key_problem,
    same_bucket,
    same_bucket_refusal,
)
from engine.spec import CloudType, DestinationNode, SourceNode, TaskSpec, TaskType


def spec(cloud, source, destination, *, region="r", prefix=""):
    return TaskSpec(
        TaskType.PREFIX,
        SourceNode(cloud, region, source),
        DestinationNode(destination, "r", prefix),
    )


@pytest.mark.check(39)
def test_the_save_prefix_goes_in_front_as_it_is():
    assert destination_key("oms_", b"a.txt") == b"oms_a.txt"
    assert destination_key("é/", b"\xff") == b"\xc3\xa9/\xff"
    assert destination_key("", b"a") == b"a"


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (b"", Meaning.BAD_KEY),
        (b"k", None),
        (b"k" * 1024, None),
        (b"k" * 1025, Meaning.BAD_KEY),
        (("é" * 512).encode(), None),
        (("é" * 513).encode(), Meaning.BAD_KEY),
    ],
)
def test_a_key_holds_1_to_1024_bytes(key, problem):
    assert key_problem(key, 1024) is problem


def test_prefix_and_key_count_together():
    assert key_problem(destination_key("p" * 24, b"k" * 1000), 1024) is None
    assert key_problem(destination_key("p" * 25, b"k" * 1000), 1024) is Meaning.BAD_KEY


@pytest.mark.parametrize(("key", "inside"), [(b"oms/x", True), (b"oms", False), (b"a/oms/x", False)])
def test_only_oms_slash_is_the_workspace(key, inside):
    assert is_workspace(key) is inside


@pytest.mark.check(23)
def test_a_source_key_below_oms_is_migrated_like_any_other():
    assert not is_own_output(b"oms/x", "copy/", same_bucket=False)


@pytest.mark.parametrize(
    ("key", "own"), [(b"oms/task/x", True), (b"copy/a", True), (b"copy", False), (b"a", False)]
)
def test_in_one_bucket_the_outputs_are_no_source(key, own):
    assert is_own_output(key, "copy/", same_bucket=True) is own


def test_in_one_bucket_no_prefix_does_not_hide_everything():
    assert not is_own_output(b"a", "", same_bucket=True)


@pytest.mark.parametrize(
    ("task", "refused"),
    [
        (spec(CloudType.HUAWEI_CLOUD, "b", "b"), True),
        (spec(CloudType.HUAWEI_CLOUD, "b", "b", prefix="copy/"), False),
        (spec(CloudType.HUAWEI_CLOUD, "b", "c"), False),
        (spec(CloudType.HUAWEI_CLOUD, "b", "b", region="other"), False),
        (spec(CloudType.AWS, "b", "b"), False),
    ],
)
def test_a_bucket_onto_itself_needs_a_prefix(task, refused):
    assert same_bucket_refusal(task) is refused


def test_two_names_of_one_store_are_one_bucket():
    assert same_bucket_refusal(spec(CloudType.AWS, "b", "b"), same_store=True)
    assert not same_bucket_refusal(spec(CloudType.AWS, "b", "c"), same_store=True)
    assert not same_bucket_refusal(spec(CloudType.AWS, "b", "b", prefix="p/"), same_store=True)
    assert same_bucket(spec(CloudType.HUAWEI_CLOUD, "b", "b", prefix="copy/"))
