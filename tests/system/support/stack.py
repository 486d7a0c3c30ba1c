"""The real parts under the tests: one broker and one database cluster, and worlds within them."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from support import edition, people
from support.events import Confluent, partition_of
from support.offsets import bounds
from support.outcomes import DeadLetters, Outcomes
from support.programs import ROOT, Worker, environment, run

TEMPLATE = "nianshen_template"
PARTITIONS = 2  # of a world's topics; every partition costs the broker time when it starts again after an outage


class Broker:
    """A Kafka broker of its own, by the project's script."""

    def __init__(self, folder):
        self.folder, self.bootstrap = folder, None

    def _script(self, verb):
        done = subprocess.run([ROOT / "ops/kafka/broker", verb, self.folder], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"ops/kafka/broker {verb}: {done.stderr}"
        return done.stdout.strip()

    def start(self):
        self.bootstrap = self._script("start")

    def kill(self):
        self._script("kill")


class Cluster:
    """A PostgreSQL cluster of its own, by the project's script; the tests are its superuser."""

    def __init__(self, folder, fsync="off"):
        self.folder, self.host, self.fsync = folder, None, fsync

    def _script(self, verb):
        done = subprocess.run(
            [ROOT / "ops/postgres/cluster", verb, self.folder],
            capture_output=True, text=True, timeout=120, env={**os.environ, "FSYNC": self.fsync},
        )
        assert done.returncode == 0, f"ops/postgres/cluster {verb}: {done.stderr}"
        return done.stdout.strip()

    def start(self):
        self.host = self._script("start")

    def stop(self):
        self._script("stop")

    def kill(self):
        self._script("kill")

    def remove(self):
        self._script("remove")

    def variables(self, database, user="nianshen"):
        return {"PGHOST": self.host, "PGPORT": "5432", "PGUSER": user, "PGDATABASE": database}

    def connect(self, database="nianshen", user="nianshen"):
        return psycopg.connect(host=self.host, port=5432, user=user, dbname=database, autocommit=True)


class Stack:
    """Broker, cluster and a migrated template database, from which each world's database is copied."""

    def __init__(self, name="system-test", fsync="off"):
        (ROOT / "build").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=ROOT / "build"))
        self.broker = Broker(self.folder / "kafka")
        self.cluster = Cluster(self.folder / "postgres", fsync)
        self.worlds = []

    def start(self):
        self.broker.start()
        self.cluster.start()
        self.create_database(TEMPLATE, template="template0")
        env = environment(**self.cluster.variables(TEMPLATE))
        run("nianshen-ops", "migrate", env=env).expect(0)
        with self.cluster.connect() as admin:
            for role in ("nianshen_owner", "nianshen_worker", "nianshen_ops", "nianshen_reviewer"):
                admin.execute(f"ALTER ROLE {role} LOGIN")
        return self

    def create_database(self, name, template=TEMPLATE):
        with self.cluster.connect() as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def world(self, name, **settings):
        made = World(self, name, **settings)
        self.worlds.append(made)
        return made

    def stop(self):
        for world in self.worlds:
            world.close()
        self.broker.kill()
        self.cluster.kill()
        self.cluster.remove()

    def logs(self):
        return sorted(self.folder.glob("worlds/*/*.log"))


class World:
    """A system of its own on the shared stack: database, topics (by their prefix), consumer group, workers, readers."""

    def __init__(self, stack, name, partitions=PARTITIONS, topics=True):
        self.stack, self.name, self.partitions = stack, name, partitions
        self.database, self.prefix = f"world_{name}", f"{name}."
        self.folder = stack.folder / "worlds" / name
        self.folder.mkdir(parents=True)
        self.workers, self._followers, self._client = [], {}, None
        stack.create_database(self.database)
        if topics:
            self.ops("topics", "create", "--partitions", partitions, "--replication-factor", 1).expect(0)

    # ---- programs ----

    def env(self, user, **more):
        return environment(
            NIANSHEN_KAFKA_BOOTSTRAP=self.stack.broker.bootstrap,
            NIANSHEN_TOPIC_PREFIX=self.prefix,
            NIANSHEN_GROUP_ID=f"{self.name}-worker",
            **{**self.stack.cluster.variables(self.database, user), **more},
        )

    def ops(self, *args, user="nianshen_ops", env=None, **more):
        return run("nianshen-ops", *args, env={**self.env(user), **(env or {})}, **more)

    def producer(self, *args, env=None, **more):
        """The producer needs no database: it gets none."""
        variables = {k: v for k, v in self.env("nobody").items() if not k.startswith("PG") and k != "NIANSHEN_GROUP_ID"}
        return run("nianshen-producer", *args, env={**variables, **(env or {})}, **more)

    def worker(self, *args, name=None, env=None):
        made = Worker(self, name or f"worker-{len(self.workers) + 1}", *args, env=env)
        self.workers.append(made)
        return made

    def run_until_end(self, **more):
        """Lets a worker take in all that stands in the topics now, and end."""
        return run("nianshen-worker", "--until-end", env=self.env("nianshen_worker"), **more)

    def lose_database(self):
        """The database is gone; a new one stands migrated in its place. The topics are as they were."""
        with self.stack.cluster.connect() as admin:
            admin.execute(f'DROP DATABASE "{self.database}" WITH (FORCE)')
        self.stack.create_database(self.database)

    # ---- reference data ----

    def load(self, units, *flags, **more):
        units_file, members_file = self.folder / "units.csv", self.folder / "members.csv"
        units_file.write_text(people.units_csv(units), encoding="utf-8")
        members_file.write_text(people.members_csv(units), encoding="utf-8")
        return self.ops("roster", "load", "--units", units_file, "--members", members_file, *flags, **more)

    def open_campaign(self, year, reviewers):
        """`reviewers` are pairs of reviewer and superior."""
        for reviewer, superior in reviewers:
            self.ops("reviewer", "add", "--reviewer", reviewer, "--superior", superior).expect(0)
        self.ops("campaign", "open", "--year", year).expect(0)

    # ---- looking in ----

    def sql(self, query, parameters=None, user="nianshen"):
        with self.stack.cluster.connect(self.database, user) as connection:
            return connection.execute(edition.query(query), parameters).fetchall()

    def state(self, submission):
        """Column by column what review_status says of a submission, or None."""
        with self.stack.cluster.connect(self.database, "nianshen_ops") as connection:
            connection.row_factory = psycopg.rows.dict_row
            return connection.execute(edition.query("SELECT * FROM nianshen.review_status WHERE submission = %s"), [submission]).fetchone()

    def members(self, unit):
        """The ID numbers on the unit's current roster, sorted."""
        rows = self.sql("SELECT id_number FROM nianshen.member WHERE unit = %s ORDER BY id_number COLLATE \"C\"", [unit], "nianshen_ops")
        return [r[0] for r in rows]

    def removed(self, unit):
        """The archive of the unit, as {ID number: reason}."""
        return dict(self.sql("SELECT id_number, reason FROM nianshen.removed_member WHERE unit = %s", [unit], "nianshen_ops"))

    # ---- Kafka ----

    def client(self, **settings):
        """The world's one producer of confluent-kafka, or one with settings of its own."""
        if settings:
            return Confluent(self.stack.broker.bootstrap, self.prefix, **settings)
        if self._client is None:
            self._client = Confluent(self.stack.broker.bootstrap, self.prefix)
        return self._client

    def partition_of(self, unit):
        return partition_of(unit.encode(), self.partitions)

    @property
    def outcomes(self):
        return self._follower("outcome", Outcomes)

    @property
    def dead_letters(self):
        return self._follower("dead-letter", DeadLetters)

    def ends(self, topic):
        """The next offset of each partition of a topic, asked of the broker now."""
        consumer = Consumer({"bootstrap.servers": self.stack.broker.bootstrap, "group.id": "ends", "log_level": 0})
        places = [TopicPartition(self.prefix + topic, p) for p in range(self.partitions)]
        ends = [bounds(consumer, place)[1] for place in places]
        consumer.close()
        return ends

    def _follower(self, topic, kind):
        if topic not in self._followers:
            self._followers[topic] = kind(self.stack.broker.bootstrap, self.prefix + topic, self.partitions)
        return self._followers[topic]

    def close(self):
        for worker in self.workers:
            worker.end()
        for follower in self._followers.values():
            follower.close()
        self.workers, self._followers, self._client = [], {}, None

    def remove(self):
        """Leaves nothing of it: for runs that make hundreds of worlds."""
        self.close()
        self.stack.worlds.remove(self)
        with self.stack.cluster.connect() as admin:
            admin.execute(f'DROP DATABASE "{self.database}"')
        admin = AdminClient({"bootstrap.servers": self.stack.broker.bootstrap, "log_level": 0})
        ours = [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(self.prefix)]
        for done in admin.delete_topics(ours).values():
            done.result(10)
        shutil.rmtree(self.folder)
