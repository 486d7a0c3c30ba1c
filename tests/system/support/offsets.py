"""What a partition holds, asked of the broker."""

from confluent_kafka import KafkaError, KafkaException

from support.wait import eventually

# A broker that has just come back may not know yet that it leads the partition.
PASSING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def bounds(consumer, place):
    """The first and the next offset of a partition."""

    def asked():
        try:
            return consumer.get_watermark_offsets(place, timeout=10)
        except KafkaException as failure:
            if failure.args[0].code() not in PASSING:
                raise
            return None

    return eventually(asked, f"the bounds of {place}")
