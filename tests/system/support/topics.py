"""What an administrator of the broker does to the topics of a world, by a client that is not ours."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from support.wait import eventually

SECONDS = 30


def admin_of(world):
    """Keep it until its answers have come: they end with it."""
    return AdminClient({"bootstrap.servers": world.stack.broker.bootstrap, "log_level": 0})


def delete_before(world, topic, offsets):
    """Deletes the records of each partition, a key of `offsets`, that stand before that offset."""
    admin = admin_of(world)
    places = [TopicPartition(world.prefix + topic, partition, offset) for partition, offset in offsets.items()]
    for done in admin.delete_records(places).values():
        done.result(SECONDS)


def make_anew(world, topic):
    admin, name = admin_of(world), world.prefix + topic
    for done in admin.delete_topics([name]).values():
        done.result(SECONDS)
    eventually(lambda: name not in admin.list_topics(timeout=10).topics, f"{name} is gone")
    world.ops("topics", "create", "--partitions", world.partitions, "--replication-factor", 1).expect(0)


def set_topic(world, topic, name, value):
    admin, resource = admin_of(world), ConfigResource(ConfigResource.Type.TOPIC, world.prefix + topic)
    resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    admin.incremental_alter_configs([resource])[resource].result(timeout=SECONDS)
    eventually(lambda: admin.describe_configs([resource])[resource].result(timeout=10)[name].value == value, f"{topic} has {name}={value}")
