// The batch consumer that a careful Go programmer writes: franz-go, batches of 50,000 rows, pgx's CopyFrom to a staging table and one upsert in the order of the
// key; the next batch is read and parsed while the database works. No validation, no rules. `peer BOOTSTRAP PREFIX` ends at the topics' ends.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	batchRows       = 50_000
	pollRecords     = 10_000
	fetchMaxBytes   = 64 << 20
	submissionTopic = "member-review"
)

var (
	topics       = []string{"unit-review", submissionTopic, "approval"}
	entryColumns = []string{"unit", "year", "id_number", "result", "reason", "submission", "submitted_by"}
	eventColumns = []string{"unit", "year", "topic", "event_id", "body"}
)

type event struct {
	Unit string `json:"unit"`
	Year int32  `json:"year"`
}

type chunk struct {
	event
	Submission  string `json:"submission"`
	SubmittedBy string `json:"submitted_by"`
	Failed      []struct {
		IDNumber string `json:"id_number"`
		Reason   string `json:"reason"`
	} `json:"failed"`
	Passed []string `json:"passed"`
}

// batch is the rows of one transaction, and the offsets behind them.
type batch struct {
	entries, events [][]any
	offsets         kadm.Offsets
}

func newBatch() *batch {
	return &batch{offsets: kadm.Offsets{}}
}

func (b *batch) rows() int {
	return len(b.entries) + len(b.events)
}

func (b *batch) add(topic string, record *kgo.Record) error {
	b.offsets.AddOffset(record.Topic, record.Partition, record.Offset+1, -1)
	if topic != submissionTopic {
		return b.addEvent(topic, record)
	}
	var c chunk
	if err := json.Unmarshal(record.Value, &c); err != nil {
		return err
	}
	// What all rows of a chunk share is boxed once.
	unit, year, submission, submittedBy := any(c.Unit), any(c.Year), any(c.Submission), any(c.SubmittedBy)
	for i := range c.Failed {
		b.entries = append(b.entries, []any{unit, year, c.Failed[i].IDNumber, "failed", c.Failed[i].Reason, submission, submittedBy})
	}
	for _, number := range c.Passed {
		b.entries = append(b.entries, []any{unit, year, number, "passed", "", submission, submittedBy})
	}
	return nil
}

func (b *batch) addEvent(topic string, record *kgo.Record) error {
	var e event
	if err := json.Unmarshal(record.Value, &e); err != nil {
		return err
	}
	for _, header := range record.Headers {
		if header.Key == "ce_id" {
			b.events = append(b.events, []any{e.Unit, e.Year, topic, string(header.Value), string(record.Value)})
			return nil
		}
	}
	return fmt.Errorf("%s, partition %d, offset %d: no ce_id", record.Topic, record.Partition, record.Offset)
}

// ---- the database ----

type database struct {
	connection *pgx.Conn
	upsert     string
}

func openDatabase(ctx context.Context, folder string) (*database, error) {
	staging, err := os.ReadFile(filepath.Join(folder, "staging.sql"))
	if err != nil {
		return nil, err
	}
	upsert, err := os.ReadFile(filepath.Join(folder, "upsert.sql"))
	if err != nil {
		return nil, err
	}
	connection, err := pgx.Connect(ctx, "") // by the variables of libpq
	if err != nil {
		return nil, err
	}
	_, err = connection.PgConn().Exec(ctx, string(staging)).ReadAll()
	return &database{connection, string(upsert)}, err
}

func (d *database) write(ctx context.Context, b *batch) error {
	return pgx.BeginFunc(ctx, d.connection, func(tx pgx.Tx) error {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"staged_entry"}, entryColumns, pgx.CopyFromRows(b.entries)); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"staged_event"}, eventColumns, pgx.CopyFromRows(b.events)); err != nil {
			return err
		}
		_, err := tx.Conn().PgConn().Exec(ctx, d.upsert).ReadAll()
		return err
	})
}

// writeAll writes the batches in their order; the broker is told of each afterwards, while the next one is written.
func (d *database) writeAll(ctx context.Context, batches <-chan *batch, broker *kadm.Client) error {
	told := make(chan error, 1)
	told <- nil
	for b := range batches {
		if err := d.write(ctx, b); err != nil {
			return err
		}
		if err := <-told; err != nil {
			return err
		}
		go func() { told <- broker.CommitAllOffsets(ctx, os.Getenv("BENCH_GROUP"), b.offsets) }()
	}
	return <-told
}

// ---- the broker ----

// ends returns where each partition that holds anything ends now.
func ends(ctx context.Context, broker *kadm.Client, names []string) (map[string]map[int32]int64, int, error) {
	listed, err := broker.ListEndOffsets(ctx, names...)
	if err != nil {
		return nil, 0, err
	}
	found, open := map[string]map[int32]int64{}, 0
	listed.Each(func(l kadm.ListedOffset) {
		if l.Err != nil {
			err = l.Err
		} else if l.Offset > 0 {
			if found[l.Topic] == nil {
				found[l.Topic] = map[int32]int64{}
			}
			found[l.Topic][l.Partition] = l.Offset
			open++
		}
	})
	return found, open, err
}

func openClient(bootstrap string, ends map[string]map[int32]int64) (*kgo.Client, error) {
	starts := map[string]map[int32]kgo.Offset{}
	for topic, partitions := range ends {
		starts[topic] = map[int32]kgo.Offset{}
		for partition := range partitions {
			starts[topic][partition] = kgo.NewOffset().AtStart()
		}
	}
	return kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(starts), kgo.FetchMaxBytes(fetchMaxBytes),
		kgo.FetchMaxPartitionBytes(fetchMaxBytes))
}

// readAll makes batches of all there is, and hands them over as the database takes them: one may wait while the next is made.
func readAll(ctx context.Context, client *kgo.Client, prefix string, ends map[string]map[int32]int64, open int, batches chan<- *batch) error {
	defer close(batches)
	b := newBatch()
	for open > 0 {
		fetches := client.PollRecords(ctx, pollRecords)
		if err := fetches.Err(); err != nil {
			return err
		}
		for records := fetches.RecordIter(); !records.Done(); {
			record := records.Next()
			if err := b.add(strings.TrimPrefix(record.Topic, prefix), record); err != nil {
				return err
			}
			if record.Offset+1 == ends[record.Topic][record.Partition] {
				open--
			}
			if b.rows() >= batchRows || open == 0 {
				select {
				case batches <- b:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				b = newBatch()
			}
		}
	}
	return nil
}

func run(bootstrap, prefix string) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	names := make([]string, len(topics))
	for i, topic := range topics {
		names[i] = prefix + topic
	}
	plain, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer plain.Close()
	broker := kadm.NewClient(plain)
	ends, open, err := ends(ctx, broker, names)
	if err != nil {
		return err
	}
	client, err := openClient(bootstrap, ends)
	if err != nil {
		return err
	}
	defer client.Close()
	database, err := openDatabase(ctx, os.Getenv("BENCH_SQL"))
	if err != nil {
		return err
	}
	defer database.connection.Close(context.Background())
	batches, read := make(chan *batch, 1), make(chan error, 1)
	go func() { read <- readAll(ctx, client, prefix, ends, open, batches) }()
	if err := database.writeAll(ctx, batches, broker); err != nil {
		cancel(err)
		return err
	}
	return <-read
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: peer BOOTSTRAP PREFIX")
		os.Exit(64)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(70)
	}
}
