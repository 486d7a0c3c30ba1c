"""schemas/ against the running system: every example is published as it stands, and the topics are as the AsyncAPI document says."""

import pytest
import yaml
from confluent_kafka.admin import ConfigResource

import outcome_schemas
import schema_examples
from support.people import Unit, member
from support.topics import admin_of

INPUTS = ("unit-review", "member-review", "approval")


def published():
    """The examples in an order that respects `after`: first what is valid, then what is not."""
    examples = schema_examples.read_all("valid") + schema_examples.read_all("invalid")
    return [example for example in examples if example.topic in INPUTS]


def publish(world, example):
    """Sends the record as the file has it; returns its place (full topic name, partition, offset)."""
    where = {}
    if "partition_shift" in example.content:
        where["partition"] = (world.partition_of(example.content["key"]) + example.content["partition_shift"]) % world.partitions
    place = world.client().send_record(example.topic, example.key, example.value, example.headers, **where)
    return (world.prefix + example.topic, *place)


@pytest.fixture
def world(make_world):
    """Both units of the examples, without the members they name: what matters here is who is heard, not what is decided."""
    return make_world([Unit("U0001", "S01", [member(450_000)]), Unit("沈阳-002", "S01", [member(450_001)])])


def test_examples_are_handled_as_they_say(world):
    """A valid example is no dead letter; an invalid one is, with its code and byte for byte. Every outcome is read, so it is validated too."""
    places = {publish(world, example): example for example in published()}
    world.run_until_end().expect(0)
    world.outcomes.drain()
    found = {}
    for message in world.dead_letters.drain():
        headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers()}
        outcome_schemas.check_dead_letter(headers)
        place = (headers["nianshen_dl_topic"], int(headers["nianshen_dl_partition"]), int(headers["nianshen_dl_offset"]))
        example = places[place]
        assert (message.key(), message.value()) == (example.key, example.value), example
        original = {name: value for name, value in headers.items() if not name.startswith("nianshen_dl_")}
        assert original == example.headers, example
        found[example.name] = (headers["nianshen_dl_code"], headers["nianshen_dl_text"])
    wrong = {
        example.name: f"expected {example.expect}, found {found.get(example.name, 'ok')}"
        for example in places.values()
        if found.get(example.name, ("ok",))[0] != example.expect
    }
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_topics_are_as_asyncapi_says(main):
    document = yaml.safe_load((outcome_schemas.SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
    bindings = document["components"]["channelBindings"]
    admin = admin_of(main)
    for channel in document["channels"].values():
        kafka = bindings[channel["bindings"]["$ref"].rpartition("/")[2]]["kafka"]
        name = main.prefix + channel["address"].removeprefix("nianshen.")
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        settings = admin.describe_configs([resource])[resource].result(10)
        for setting, wanted in kafka["topicConfiguration"].items():
            assert settings[setting].value == (",".join(wanted) if isinstance(wanted, list) else str(wanted)), f"{name} {setting}"
