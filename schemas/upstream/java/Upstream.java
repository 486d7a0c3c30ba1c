import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An upstream system in small: sends one unit's annual review to nianshen and waits for the answers. Java 17, kafka-clients.
 *
 * <pre>
 * export NIANSHEN_KAFKA_BOOTSTRAP=localhost:9092
 * java -cp 'JARS/*' Upstream.java U0001 2026 import 211011196605229673=retired 432500197707302784=left
 * java -cp 'JARS/*' Upstream.java U0001 2026 list   211011196605229673=retired 110101197001011019 110101198205151026
 * </pre>
 *
 * NUMBER=REASON is a member who fails, a bare NUMBER one who passes. Import mode names failing members only, list mode every
 * member. Answers go to standard output, one a line: type, then value. Exit status: 0 it waits for the superior, 65 refused,
 * 69 no broker, 75 no answer in time. All that is used here is in schemas/: nothing of nianshen itself.
 */
public class Upstream {
    static final String BOOTSTRAP = setting("NIANSHEN_KAFKA_BOOTSTRAP", "localhost:9092");
    static final String PREFIX = setting("NIANSHEN_TOPIC_PREFIX", "nianshen."); // of topics; the types of events never change
    static final String SOURCE = "urn:example:upstream-java"; // the same in all events of one upstream system: part of their identity
    static final int CHUNK_ENTRIES = Integer.parseInt(setting("CHUNK_ENTRIES", "5000")); // the most a chunk may hold; tests set less
    static final Duration WAIT = Duration.ofSeconds(60);
    static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);

    /** One member: the normalised number, and why it fails (null: it passes). */
    record Entry(String number, String reason) {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 3 || !List.of("import", "list").contains(arguments[2])) {
            end(64, "usage: Upstream.java UNIT YEAR import|list [NUMBER=REASON | NUMBER]...");
        }
        String unit = arguments[0], mode = arguments[2];
        int year = Integer.parseInt(arguments[1]);
        List<Entry> entries = sortedEntries(List.of(arguments).subList(3, arguments.length));

        try (var outcomes = new Outcomes(); var sender = new Sender()) { // reading begins before anything is sent
            // 1. The unit confirms its information: "profile" holds what changed, {} says that nothing did.
            String unitReview = UUID.randomUUID().toString();
            sender.send("unit-review", "nianshen.unit-review.confirmed.v1", unitReview, unit,
                    "{\"unit\":" + quoted(unit) + ",\"year\":" + year + ",\"submitted_by\":\"clerk-17\",\"profile\":{}}");
            sender.finish();
            if (!outcomes.waitFor(unitReview).equals("nianshen.unit-review.accepted.v1")) {
                end(65, "the unit review was refused");
            }

            // 2. The submission, in chunks. The last chunk completes it: the answer names its id.
            String submission = UUID.randomUUID().toString();
            int chunks = Math.max(1, (entries.size() + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES); // nobody at all is one empty chunk
            for (int chunk = 1; chunk <= chunks; chunk++) {
                int from = (chunk - 1) * CHUNK_ENTRIES;
                List<Entry> part = entries.subList(from, Math.min(from + CHUNK_ENTRIES, entries.size()));
                sender.send("member-review", "nianshen.member-review.submitted.v1", submission + "/" + chunk, unit,
                        "{\"unit\":" + quoted(unit) + ",\"year\":" + year + ",\"submission\":" + quoted(submission)
                                + ",\"unit_review\":" + quoted(unitReview) + ",\"mode\":" + quoted(mode)
                                + ",\"submitted_by\":\"clerk-17\",\"chunk\":" + chunk + ",\"chunks\":" + chunks
                                + ",\"entries_total\":" + entries.size() + "," + lists(mode, part) + "}");
            }
            sender.finish();
            if (!outcomes.waitFor(submission + "/" + chunks).equals("nianshen.member-review.pending.v1")) {
                end(65, "the submission was refused");
            }
        } catch (KafkaException problem) {
            end(69, "no answer from the broker " + BOOTSTRAP + ": " + problem.getMessage() + "; check NIANSHEN_KAFKA_BOOTSTRAP");
        }
    }

    /** Ascending over the whole submission by the bytes of the normalised number: 18 characters, upper-case X, no blanks. */
    static List<Entry> sortedEntries(List<String> arguments) {
        List<Entry> entries = new ArrayList<>();
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            entries.add(new Entry(parts[0].strip().toUpperCase(), parts.length == 2 ? parts[1] : null));
        }
        entries.sort(Comparator.comparing(Entry::number)); // digits and X: the order of the bytes
        return entries;
    }

    /** The lists of one chunk. They keep the order of the entries, so each of them ascends. */
    static String lists(String mode, List<Entry> entries) {
        List<String> failed = new ArrayList<>(), passed = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.reason() == null) {
                passed.add(quoted(entry.number()));
            } else {
                failed.add("{\"id_number\":" + quoted(entry.number()) + ",\"reason\":" + quoted(entry.reason()) + "}");
            }
        }
        String both = "\"failed\":[" + String.join(",", failed) + "]";
        return mode.equals("list") ? both + ",\"passed\":[" + String.join(",", passed) + "]" : both;
    }

    /** A text as JSON; a real system uses its JSON library. */
    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(c == '"' || c == '\\' ? "\\" + c : c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.append('"').toString();
    }

    static class Sender implements AutoCloseable {
        // The defaults of the Java client are right: a keyed record goes to partition murmur2(key), and the producer is idempotent.
        final KafkaProducer<String, String> producer =
                new KafkaProducer<>(Map.of("bootstrap.servers", BOOTSTRAP), new StringSerializer(), new StringSerializer());
        final List<Future<RecordMetadata>> onTheirWay = new ArrayList<>();

        /** One CloudEvent in binary mode. Sent again with the same id and content it has no effect: after a crash, send again. */
        void send(String topic, String type, String id, String unit, String data) {
            var record = new ProducerRecord<>(PREFIX + topic, unit, data);
            Map.of("ce_specversion", "1.0", "ce_id", id, "ce_source", SOURCE, "ce_type", type, "content-type", "application/json")
                    .forEach((name, value) -> record.headers().add(name, value.getBytes(UTF_8)));
            onTheirWay.add(producer.send(record));
        }

        /** Sent means that the broker says so. */
        void finish() throws Exception {
            producer.flush();
            for (var delivery : onTheirWay) {
                try {
                    delivery.get();
                } catch (java.util.concurrent.ExecutionException problem) {
                    throw new KafkaException("a record was not taken: " + problem.getCause().getMessage(), problem);
                }
            }
            onTheirWay.clear();
        }

        @Override
        public void close() {
            producer.close(Duration.ofSeconds(5));
        }
    }

    /** Reads the outcome topic from now on. A real system reads it all the time, in a consumer group of its own. */
    static class Outcomes implements AutoCloseable {
        final KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", BOOTSTRAP, "enable.auto.commit", "false", "allow.auto.create.topics", "false",
                        "default.api.timeout.ms", "10000"),
                new StringDeserializer(), new StringDeserializer());

        Outcomes() {
            String topic = PREFIX + "outcome";
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(p -> partitions.add(new TopicPartition(topic, p.partition())));
            if (partitions.isEmpty()) {
                end(69, "the broker " + BOOTSTRAP + " has no topic " + topic + "; check NIANSHEN_TOPIC_PREFIX");
            }
            consumer.assign(partitions);
            consumer.endOffsets(partitions).forEach(consumer::seek);
        }

        /** Shows the answers to one event until one settles it, and returns its type. `waiting` says why it is not settled yet. */
        String waitFor(String eventId) {
            long deadline = System.nanoTime() + WAIT.toNanos();
            while (System.nanoTime() < deadline) {
                for (ConsumerRecord<String, String> outcome : consumer.poll(Duration.ofSeconds(1))) {
                    String type = header(outcome, "ce_type");
                    if (!eventId.equals(header(outcome, "ce_causationid"))) {
                        continue;
                    }
                    OUT.println(type + " " + outcome.value());
                    if (!"nianshen.member-review.waiting.v1".equals(type)) {
                        return type; // what else this poll brought is not about us: nothing was sent after the event
                    }
                }
            }
            end(75, "no answer within " + WAIT.toSeconds() + " s: is a worker running, or is the record a dead letter?");
            return null;
        }

        static String header(ConsumerRecord<String, String> outcome, String name) {
            Header header = outcome.headers().lastHeader(name);
            return header == null ? null : new String(header.value(), UTF_8);
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    static String setting(String name, String fallback) {
        return System.getenv().getOrDefault(name, fallback);
    }

    static void end(int status, String text) {
        System.err.println(text);
        System.exit(status);
    }
}
