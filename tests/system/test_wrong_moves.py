"""A newcomer's wrong moves: each is answered with the right exit status and a remedy."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.admin import NewPartitions

from conftest import YEAR
from support import events, people
from support.desk import Desk, import_file
from support.edition import IS_NEXT
from support.people import id_number
from support.programs import run
from support.topics import admin_of, set_topic
from support.wait import eventually

NO_BROKER = {"NIANSHEN_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
NO_DATABASE = {"PGHOST": "/nonexistent"}


@pytest.fixture(scope="module")
def confirm(main):
    return ["confirm-unit", "--unit", "S0000", "--year", YEAR, "--submitted-by", "c"]


def at_once(*calls):
    """Runs all of them at the same time: each waits its full ten seconds for what isn't there."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_no_broker_no_database(main, confirm):
    """Absent: every program gives up after 10 s with 69 and names the address and the setting that holds it."""
    worker = main.env("nianshen_worker")
    no_broker, no_database = NO_BROKER["NIANSHEN_KAFKA_BOOTSTRAP"], NO_DATABASE["PGHOST"]
    absent = at_once(
        lambda: (main.producer(*confirm, env=NO_BROKER), no_broker, "kafka_bootstrap"),
        lambda: (main.ops("topics", "check", env=NO_BROKER), no_broker, "kafka_bootstrap"),
        lambda: (main.ops("topics", "create", "--partitions", 1, "--replication-factor", 1, env=NO_BROKER), no_broker, "kafka_bootstrap"),
        lambda: (run("nianshen-worker", "--until-end", env={**worker, **NO_BROKER}), no_broker, "kafka_bootstrap"),
        lambda: (main.ops("status", env=NO_DATABASE), no_database, "PGHOST"),
        lambda: (main.ops("migrate", env=NO_DATABASE), no_database, "PGHOST"),
        lambda: (run("nianshen-worker", "--until-end", env={**worker, **NO_DATABASE}), no_database, "PGHOST"),
    )
    for done, address, setting in absent:
        done.expect(69, says=[address, setting])


def test_a_worker_waits_for_what_is_absent(make_world):
    """Without --until-end the worker does not give up, and still stops on SIGTERM with 0."""
    world = make_world(campaign=None)
    workers = [world.worker(env=NO_BROKER).start(), world.worker(env=NO_DATABASE).start()]
    for worker in workers:
        eventually(lambda: "level=warning" in worker.log or "level=error" in worker.log, f"it tells that it waits\n{worker.log}", 20)
        assert worker.is_running
    for worker in workers:
        assert worker.stop(seconds=15) == 0


def test_schema_not_migrated(stack, make_world):
    """An empty database: 78 and the command that mends it; after that command all is well."""
    world = make_world(campaign=None)
    with stack.cluster.connect() as admin:
        admin.execute("CREATE DATABASE never_migrated TEMPLATE template0")
    empty = {"PGDATABASE": "never_migrated"}
    run("nianshen-worker", env={**world.env("nianshen"), **empty}).expect(78, says="nianshen-ops migrate")
    world.ops("status", env=empty, user="nianshen").expect(78, says="nianshen-ops migrate")
    world.ops("migrate", env=empty, user="nianshen").expect(0)
    world.ops("status", env=empty, user="nianshen").expect(0)
    world.ops("migrate", env=empty, user="nianshen").expect(0)


def test_schema_of_another_release(make_world):
    """A database of another release is refused by worker and ops, and both versions are named."""
    world = make_world(campaign=None)
    world.sql("SELECT nianshen.schema_version_set('0099-fedcba987654')")
    run("nianshen-worker", env=world.env("nianshen_worker")).expect(78, says=["0099-fedcba987654", "migrate"])
    world.ops("status").expect(78, says=["0099-fedcba987654"])


ALL_THAT_MIGRATE_MAKES = """
    SELECT p.oid::regprocedure::text, pg_get_function_result(p.oid), p.proacl::text FROM pg_proc p WHERE p.pronamespace = 'nianshen'::regnamespace
    UNION ALL
    SELECT a.attrelid::regclass::text, concat_ws(' ', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod)), c.relacl::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'nianshen'::regnamespace AND c.relkind IN ('c', 'v')
    ORDER BY 1, 2
"""
OF_AN_OLDER_BUILD = """
    DROP TYPE nianshen.approval CASCADE;
    CREATE TYPE nianshen.approval AS (old integer);
    DROP FUNCTION nianshen.state_rows(text, integer) CASCADE;
    CREATE FUNCTION nianshen.state_rows(text, integer) RETURNS TABLE (kind text, fields text) LANGUAGE sql AS $$ SELECT 'old', 'old' $$;
    CREATE FUNCTION nianshen.apply(text) RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
    SELECT nianshen.schema_version_set('0001-an-older-build')
"""


def test_functions_of_an_older_build(make_world):
    """Types and functions that an older build left, with other fields, are this build's after migrate, and who may use them."""
    world = make_world(campaign=None)
    fresh = world.sql(ALL_THAT_MIGRATE_MAKES)
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute(OF_AN_OLDER_BUILD)
    assert world.sql(ALL_THAT_MIGRATE_MAKES) != fresh
    world.ops("migrate", user="nianshen").expect(0)
    assert world.sql(ALL_THAT_MIGRATE_MAKES) == fresh


def test_topics_missing(make_world, confirm):
    """No topics: 78 with the command, for every program."""
    world = make_world(topics=False, campaign=None)
    run("nianshen-worker", env=world.env("nianshen_worker")).expect(78, says=["nianshen-ops topics create", f"{world.prefix}unit-review"])
    world.ops("topics", "check").expect(78, says=["nianshen-ops topics create", f"{world.prefix}dead-letter"])
    world.producer(*confirm).expect(78, says=["nianshen-ops topics create"])


WRONG_SETTINGS = [
    ("member-review", "message.timestamp.type", "CreateTime"),
    ("unit-review", "retention.ms", "604800000"),
    ("approval", "cleanup.policy", "compact"),
    ("member-review", "compression.type", "producer"),
    ("dead-letter", "max.message.bytes", "1048576"),
]


def test_topic_settings(make_world):
    """Wrong settings are found before anything is read: 78, naming for each the topic, the setting and what it is, and how to mend it."""
    world = make_world(campaign=None)
    for topic, setting, value in WRONG_SETTINGS:
        set_topic(world, topic, setting, value)
    named = ["kafka-configs", *[word for topic, setting, value in WRONG_SETTINGS for word in (world.prefix + topic, setting, value)]]
    run("nianshen-worker", env=world.env("nianshen_worker")).expect(78, says=named)
    world.ops("topics", "check").expect(78, says=named)


def test_unequal_partitions(make_world):
    """The three inputs must have the same number of partitions; the one that differs is named."""
    world = make_world(campaign=None, partitions=4)
    admin = admin_of(world)
    for future in admin.create_partitions([NewPartitions(world.prefix + "approval", 6)]).values():
        future.result(30)
    # The broker tells of the new partitions a moment after it has agreed to make them.
    name = world.prefix + "approval"
    eventually(lambda: len(admin.list_topics(name, timeout=10).topics[name].partitions) == 6, "the broker shows six partitions")
    for done in (world.ops("topics", "check"), run("nianshen-worker", env=world.env("nianshen_worker"))):
        done.expect(78, says=["partitions", f"{world.prefix}approval", "6", "4"])


def test_wrong_partitioner(main, pool):
    """librdkafka's own default partitioner puts most units elsewhere: a dead letter whose text names the setting."""
    client = main.client(partitioner="consistent_random")
    for unit in [pool["small"].pop() for _ in range(8)]:
        event = events.unit_review(unit.code, YEAR)
        partition, offset = client.send(event)[0]
        if partition != main.partition_of(unit.code):
            break
    _, added = main.dead_letters.wait(main.prefix + "unit-review", partition, offset)
    assert added["nianshen_dl_code"] == "wrong-partition"
    assert "partitioner=murmur2_random" in added["nianshen_dl_text"]


XLSX = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml" + bytes(200)


@pytest.mark.parametrize("content, says", [
    (XLSX, ["CSV", "xlsx"]),
    (b"", ["empty"]),
    ("身份证号码|不通过原因\r\n".encode(), ["comma"]),
    ("姓名,部门\r\n王,一\r\n".encode(), ["身份证号码"]),
    ("身份证号码,不通过原因\r\n".encode("gb18030") + b"\xff\r\n", ["UTF-8", "row 2"]),
    (b'\xef\xbb\xbf' + '身份证号码,原因\r\n"110101199003070011,离职\r\n'.encode(), ["2"]),
], ids=["xlsx", "empty", "bars", "no-id-column", "no-text", "open-quote"])
def test_file_that_is_not_csv(main, desk, content, says):
    """65, what the file seems to be and what to do, before anything is sent."""
    desk.confirm()
    desk.submit(content).expect(65, says=says)


def test_roster_that_is_not_csv(main, tmp_path):
    """The same for the roster's files; a file with the wrong columns is told which are missing."""
    xlsx, columns = tmp_path / "units.xlsx", tmp_path / "units.csv"
    xlsx.write_bytes(XLSX)
    columns.write_text("unit,title\n001,x\n")
    main.ops("roster", "load", "--units", xlsx, "--members", xlsx).expect(65, says=["CSV", "units.xlsx"])
    main.ops("roster", "load", "--units", columns, "--members", columns).expect(65, says=["superior", "units.csv"])


def test_missing_file(main, desk):
    """66 and the name of the file, for each program that reads one."""
    flags = [*desk.of_unit, "--unit-review", "x", "--mode", "import", "--submitted-by", "c"]
    main.producer("submit", *flags, "nowhere.csv").expect(66, says=["nowhere.csv"])
    main.producer("publish", "nowhere.ndjson").expect(66, says=["nowhere.ndjson"])
    main.ops("roster", "load", "--units", "nowhere.csv", "--members", "nowhere.csv").expect(66, says=["nowhere.csv"])


def test_unknown_unit(main):
    """A unit that nobody loaded is refused with the remedy; for a submission, too."""
    done = main.producer("confirm-unit", "--unit", "NOBODY", "--year", YEAR, "--submitted-by", "c", "--wait", "--wait-seconds", 20)
    done.expect(65, says=["unknown-unit", "dead letter" if IS_NEXT else "NOBODY"])
    nobody = Desk(main, people.Unit("NOBODY", "S01"), YEAR)
    nobody.submit(import_file({id_number(1): "left"}), "--wait", unit_review="r").expect(65, says="unknown-unit")


def test_year_without_a_campaign(main, desk):
    """A year that is not open is refused with the remedy."""
    other_year = Desk(main, desk.unit, YEAR + 1)
    main.producer("confirm-unit", *other_year.of_unit, "--submitted-by", "c", "--wait").expect(65, says=["campaign-closed", "campaign is open"])
    main.ops("campaign", "close", "--year", YEAR + 1).expect(65, says=["no campaign", "campaign open"])


@pytest.mark.parametrize("arguments, says", [
    (["confirm-unit", "--unti", "U"], ["--unti", "--help"]),
    (["confirm-unit", "--year", "2026", "--submitted-by", "c"], ["--unit"]),
    (["confirm-unit", "--unit", "U", "--year", "soon", "--submitted-by", "c"], ["--year", "soon"]),
    (["confirm-unit", "--unit", "U", "--year", "1999", "--submitted-by", "c"], ["--year", "2000"]),
    (["confirm-unit", "--unit", "U", "--year", "2026", "--submitted-by", "c", "--set", "colour=red"], ["colour", "contact_mobile"]),
    (["confirm-unit", "--unit", "U" * 65, "--year", "2026", "--submitted-by", "c"], ["64"]),
    (["submit"], ["--unit"]),
    (["submit", "--unit", "U", "--year", "2026", "--unit-review", "r", "--mode", "paper", "--submitted-by", "c", "f.csv"],
     ["--mode", "import", "list"]),
    (["celebrate"], ["celebrate", "--help"]),
    ([], ["--help"]),
], ids=lambda v: "-".join(v)[:40] if isinstance(v, list) else None)
def test_bad_flags_of_the_producer(main, arguments, says):
    """64, the flag that is wrong and what would be right."""
    main.producer(*arguments).expect(64, says=says)


def test_bad_flags_of_the_others(main):
    """The same for ops and worker."""
    main.ops("campaign", "open").expect(64, says=["--year"])
    main.ops("campaign", "celebrate").expect(64, says=["celebrate"])
    main.ops("topics", "create", "--partitions", "0", "--replication-factor", 1).expect(64, says=["--partitions"])
    run("nianshen-worker", "--batch-records", "0", env=main.env("nianshen_worker")).expect(64, says=["--batch-records", "10000"])
    run("nianshen-worker", "extra", env=main.env("nianshen_worker")).expect(64, says=["extra"])


def test_configuration_file(main, tmp_path):
    """A key that does not exist is 78 with its line; a file that is not there is named; what is right is used."""
    wrong, right = tmp_path / "wrong.conf", tmp_path / "right.conf"
    wrong.write_text("# a comment\nkafka_bootsrap = localhost:9092\n")
    right.write_text(f"kafka_bootstrap = {main.stack.broker.bootstrap}\ntopic_prefix = {main.prefix}\nkafka.client.id = newcomer\n")
    without = {k: v for k, v in main.env("nianshen_ops").items() if not k.startswith("NIANSHEN_")}
    run("nianshen-ops", "topics", "check", "--config", wrong, env=without).expect(78, says=["kafka_bootsrap", "2"])
    run("nianshen-ops", "topics", "check", "--config", tmp_path / "none.conf", env=without).expect(78, says=["none.conf"])
    run("nianshen-ops", "topics", "check", "--config", right, env=without).expect(0)
    run("nianshen-ops", "topics", "check", env={**without, "NIANSHEN_CONFIG": str(right)}).expect(0)
    wrong.write_text("kafka.no.such.property = 1\nkafka_bootstrap = localhost:9092\n")
    run("nianshen-ops", "topics", "check", "--config", wrong, env=without).expect(78, says=["no.such.property"])


def test_help_and_version(main):
    """Each program explains itself on stdout with status 0; every command has a help of its own."""
    for program, command in (("nianshen-producer", "submit"), ("nianshen-ops", "roster load"), ("nianshen-worker", "")):
        env = main.env("nianshen_ops")
        assert run(program, "--help", env=env).expect(0).out.strip()
        assert run(program, *command.split(), "--help", env=env).expect(0, says="--").out.strip()
        assert run(program, "--version", env=env).expect(0).out.startswith(program)


def test_not_permitted(main):
    """A role that may not do something gets 77, and nothing is done."""
    main.ops("campaign", "close", "--year", YEAR, user="nianshen_reviewer").expect(77)
    assert main.sql("SELECT closes_ms FROM nianshen.campaign") == [(None,)]


def test_ops_refuses_what_rules_forbid(main):
    """A second campaign, one twice, an end in the past: 65 with the remedy."""
    main.ops("campaign", "open", "--year", YEAR).expect(65, says=["exists already"])
    main.ops("campaign", "open", "--year", YEAR + 1).expect(65, says=[f"campaign of {YEAR} is not closed", "close"])
    main.ops("campaign", "extend", "--year", YEAR, "--until", "2020-01-01").expect(65, says=["past"])
    main.ops("reviewer", "remove", "--reviewer", "R555", "--superior", "S01").expect(65, says=["R555"])
    main.ops("review", "show", "--unit", "NOBODY", "--year", YEAR).expect(66, says=["NOBODY", "review list"])
