package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// The oldest Kafka that is promised, with a ZooKeeper beside it: all that the bridge
// asks of its brokers, and what topics of its time hold. It takes as little commit
// metadata as Azure Event Hubs does, and closes idle connections sooner. It keeps
// records however old their timestamps are.
func TestOldestKafka(t *testing.T) {
	t.Parallel()
	old := kafkatest.New(t, kafkatest.Options{Release: kafkatest.Oldest, Properties: map[string]string{
		"offset.metadata.max.bytes": "1024", "connections.max.idle.ms": "2000", "log.retention.ms": "-1",
	}})
	var subtests sync.WaitGroup
	defer subtests.Wait()
	for name, test := range map[string]func(t *testing.T, old *kafkatest.Cluster){
		"message formats":  oldFormats,
		"one after other":  formatChanges,
		"static members":   oldStaticMembers,
		"what is held":     oldFrontier,
		"the check agrees": oldCheck,
		"idle connections": idleConnections,
	} {
		subtests.Go(func() { t.Run(name, func(t *testing.T) { test(t, old) }) })
	}
}

// oldFormats reads topics of each message format: of each codec there is, with and
// without keys, with tombstones and with invalid records, whose dead letters show
// that keys, values and timestamps are those that were written.
func oldFormats(t *testing.T, old *kafkatest.Cluster) {
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression()}
	w := newWorldOn(t, old, 1)
	letters := w.deadLetterTopic()
	originals := map[string]*kgo.Record{}
	var topics []string
	for format, release := range []string{"0.9.0", "0.10.2", "2.4"} {
		topic := fmt.Sprintf("%s-format-%d", w.topic, format)
		topics = append(topics, topic)
		w.createTopic(topic, len(codecs), map[string]string{"message.format.version": release})
		for partition, codec := range codecs {
			edit := oldRecord(topic, int32(partition), byte(format), originals)
			w.produceOld(codec, load{records: 500, topic: topic, partitions: 1, edit: edit})
			w.eventually("the log is of its format", func() bool { return magicOf(t, old, topic, partition) == byte(format) })
		}
	}
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": strings.Join(topics, ","), "BRIDGE_ON_INVALID": "dlq"})
	w.waitStored()
	w.waitCommitted(topics...)
	if skipped := b.metric("records_skipped_total", `reason="tombstone"`); skipped != float64(len(codecs)*len(topics)*5) {
		t.Errorf("%v tombstones", skipped)
	}
	b.stop()
	letters.compare(originals)
	w.judge()
}

// produceOld produces without idempotence, which older formats have no room for.
func (w *world) produceOld(codec kgo.CompressionCodec, l load) {
	w.t.Helper()
	client := w.client(kgo.ProducerBatchCompression(codec), kgo.DisableIdempotentWrite())
	defer client.Close()
	w.produceWith(client, l)
}

// oldRecord makes of some records of a partition tombstones, invalid ones and ones
// without a key.
func oldRecord(topic string, partition int32, format byte, originals map[string]*kgo.Record) func(int, *kgo.Record, *truth.Record) {
	return func(i int, r *kgo.Record, want *truth.Record) {
		r.Partition, want.Partition = partition, partition
		r.Timestamp = time.UnixMilli(1_500_000_000_000 + int64(i))
		if i%3 > 0 {
			r.Key = fmt.Appendf(nil, "%s/%d/%d", topic, partition, i)
		}
		switch i % 100 {
		case 50:
			r.Key, r.Value, want.Namespaces, want.Fate = fmt.Appendf(nil, "key-%d", i), nil, nil, truth.LeftOut
		case 70:
			r.Key, r.Value, want.Namespaces, want.Fate = fmt.Appendf(nil, "%s/%d/%d", topic, partition, i), []byte("no JSON"), nil, truth.DeadLettered
			original := *r
			if format == 0 { // has no timestamps: -1 milliseconds
				original.Timestamp = time.UnixMilli(-1)
			}
			originals[string(r.Key)] = &original
		}
	}
}

// magicOf is the format that a partition's log begins with, on the broker's disk.
func magicOf(t *testing.T, old *kafkatest.Cluster, topic string, partition int) byte {
	t.Helper()
	const atMagic = 16
	raw, err := os.ReadFile(filepath.Join(old.Nodes[0].DataDir(), fmt.Sprintf("%s-%d", topic, partition), fmt.Sprintf("%020d.log", 0)))
	if err != nil || len(raw) <= atMagic {
		return 255
	}
	return raw[atMagic]
}

// formatChanges reads a partition that holds one format after the other, from the
// middle of a compressed message on.
func formatChanges(t *testing.T, old *kafkatest.Cluster) {
	w := newWorldOn(t, old, 1)
	topic := w.topic + "-changing"
	w.createTopic(topic, 1, map[string]string{"message.format.version": "0.9.0"})
	w.produceOld(kgo.GzipCompression(), load{records: 300, topic: topic, partitions: 1})
	for _, release := range []string{"0.10.2", "2.4"} {
		format := kadm.AlterConfig{Op: kadm.SetConfig, Name: "message.format.version", Value: kadm.StringPtr(release)}
		if _, err := w.admin.AlterTopicConfigs(w.context(), []kadm.AlterConfig{format}, topic); err != nil {
			t.Fatal(err)
		}
		w.produceOld(kgo.SnappyCompression(), load{records: 300, topic: topic, partitions: 1})
	}
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": topic})
	w.stored(400)
	b.stop()
	b = w.start(environment{"BRIDGE_KAFKA_TOPICS": topic})
	w.waitStored()
	w.waitCommitted(topic)
	b.stop()
	w.judge()
}

// oldStaticMembers restarts one of two static members: the group does not rebalance,
// and dynamic ones take over when they leave.
func oldStaticMembers(t *testing.T, old *kafkatest.Cluster) {
	w := newWorldOn(t, old, 4)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "30s"
	wait := w.produceMeanwhile(load{records: 4000, perSecond: 1000})
	first, second := w.start(replica(0)), w.start(replica(1))
	w.assigned(2, first, second)
	generation, before := second.generation(), first.owned(2)
	first.stop()
	first = w.start(replica(0))
	if after := first.owned(2); !maps.Equal(before, after) || second.generation() != generation {
		t.Errorf("it had %v and has %v; generation %d after %d", before, after, second.generation(), generation)
	}
	wait()
	w.waitStored()
	w.waitCommitted(w.topic)
	first.stop()
	second.stop()
	w.judge()
}

// oldFrontier holds a namespace: what has overtaken it is in the metadata of the
// commit, and is not stored again after a restart.
func oldFrontier(t *testing.T, old *kafkatest.Cluster) {
	w := newWorldOn(t, old, 1)
	const held = "ns-00"
	w.api.Inject(refuse(held))
	others := 0
	w.produce(load{records: 1000, edit: func(_ int, _ *kgo.Record, want *truth.Record) {
		if want.Namespaces[0] != held {
			others++
		}
	}})
	b := w.start()
	w.stored(others)
	w.eventually("the commit bears what has overtaken", func() bool {
		offsets, err := w.admin.FetchOffsets(w.context(), w.group)
		at, _ := offsets.Lookup(w.topic, 0)
		return err == nil && strings.HasPrefix(at.Metadata, "kib")
	})
	b.stop()
	b = w.start()
	w.eventually("the namespace is held again", func() bool { return b.metric("namespaces_held") == 1 })
	w.api.ClearFaults()
	w.settle(b)
	w.judge()
}

// idleConnections lets the broker close what is idle, several times over and sooner
// than the bridge would: a call may fail by it and is made again, the member stays.
func idleConnections(t *testing.T, old *kafkatest.Cluster) {
	w := newWorldOn(t, old, 1)
	b := w.start()
	generation := b.generation()
	for range 3 {
		w.produce(load{records: 100})
		w.waitStored()
		w.waitCommitted(w.topic)
		<-time.After(4 * time.Second)
	}
	if now := b.generation(); now != generation {
		t.Errorf("generation %d after %d", now, generation)
	}
	b.stop()
	w.judge()
}

// oldCheck lets bridge check try all that a run needs.
func oldCheck(t *testing.T, old *kafkatest.Cluster) {
	w := newWorldOn(t, old, 1)
	w.produce(load{records: 10})
	cmd := exec.CommandContext(w.context(), bridgeBinary(t), "check", "-sample", "5")
	cmd.Env = os.Environ()
	for k, v := range w.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "fail") {
		t.Errorf("bridge check: %v\n%s", err, out)
	}
	w.sampled()
	w.judged = true
}
