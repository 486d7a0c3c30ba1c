"""The machine that a bench runs on: what it is, and its broker and database, set as an operator of such a machine would set them."""

import mmap
import os
import platform
import subprocess
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from support.programs import ROOT
from support.wait import eventually

# Heap and collector of Kafka's own start script. A small heap collects its garbage every 1.5 s for 12 ms under W5, for which one submission in a hundred waits.
# The compiler keeps to its first tier, as in tests: the second would have both cores for the first minutes.
BROKER_JVM = {"KAFKA_HEAP_OPTS": "-Xms1g -Xmx1g",
              "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:TieredStopAtLevel=1"}
SHARED_BUFFERS_MIB = 4096  # at most; a quarter of the memory where that is less


def printed(*command):
    """What a program prints of itself, "unknown" where it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def commit():
    return printed("git", "rev-parse", "--short=10", "HEAD") + (" with changes" if printed("git", "status", "--porcelain") else "")


def memory_mib():
    return int(Path("/proc/meminfo").read_text().split()[1]) / 1024


def touch_seconds():
    """How long the first touch of 1 GiB takes: on one virtual machine, in one morning, 0.7 to 5.9 s. Its host takes back what is not in use, and whatever needs
    memory then is slow: the larger the run, the more."""
    begun = time.monotonic()
    with mmap.mmap(-1, 1 << 30) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1
    return time.monotonic() - begun


def described():
    cpu = next(line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory_mib() / 1024), "system": platform.freedesktop_os_release()["PRETTY_NAME"],
            "kernel": platform.release(), "postgres": printed("psql", "--version").split()[2], "librdkafka": printed("pkg-config", "--modversion", "rdkafka"),
            "java": printed("java", "--version").split()[1], "load": os.getloadavg()[0],
            "touch_seconds": touch_seconds()}


def start(stack):
    """With broker and database set for a machine of their own, the database as docs/operations.md advises: for ours, for the limits and for the peers."""
    os.environ.update(BROKER_JVM)
    stack.start()
    with stack.cluster.connect() as admin:
        admin.execute(f"ALTER SYSTEM SET shared_buffers = '{min(SHARED_BUFFERS_MIB, round(memory_mib() / 4))}MB'")
        admin.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
    stack.cluster.stop()
    stack.cluster.start()
    with_group_offsets(stack.broker)


def with_group_offsets(broker):
    """The broker makes its topic of group offsets for the first group that asks. That takes a second, in which it may answer that it is not the coordinator."""
    group = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "bench", "log_level": 0})
    refusals = []

    def answered():
        try:
            return group.committed([TopicPartition("bench", 0)], timeout=10)
        except KafkaException as refusal:
            refusals.append(refusal)
            return False

    eventually(answered, lambda: f"the broker's topic of group offsets: {refusals[-1]}", seconds=60)
    group.close()
