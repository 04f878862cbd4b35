package fetch

import (
	"slices"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

func TestFetcher_answerLimit(t *testing.T) {
	const headers = 64 << 10 // left out of a power of two
	for _, tc := range []struct {
		name                     string
		setting, allowance, want int64
	}{
		{"default", 16 << 20, 32 << 20, 4<<20 - headers},
		{"a small setting", 2 << 20, 32 << 20, 1<<20 - headers},
		{"a smaller one", 512 << 10, 32 << 20, 512<<10 - headers},
		{"a small budget", 16 << 20, 2 << 20, 1<<20 - headers},
		{"a tiny budget", 16 << 20, 128 << 10, 64 << 10},
	} {
		f := &Fetcher{cfg: &Config{Requests: Requests{MaxBytes: tc.setting}}, fetched: NewAllowance(tc.allowance, tc.allowance)}
		if got := f.answerLimit(); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

// lagging returns a fetcher with partitions that have so many records of 1 KiB
// ahead.
func lagging(records ...int64) *Fetcher {
	f := New(&Config{Requests: Requests{MaxBytes: 16 << 20}}, nil, NewAllowance(32<<20, 32<<20), 1, func() {})
	for i, n := range records {
		f.Open(kafka.TopicPartition{Topic: "orders", Partition: int32(i)}, wire.UUID{1}, 0, 0, -1, 1, 0, false).StableOffset.Store(n)
	}
	return f
}

func partitionsOf(batch []asked) (numbers []int32) {
	for _, a := range batch {
		numbers = append(numbers, a.Partition)
	}
	return numbers
}

// TestFetcher_lanesShareABacklog: a request asks for as much as an answer takes,
// and for all that is read to its end; the other lane is woken for the rest.
func TestFetcher_lanesShareABacklog(t *testing.T) {
	const much = 1 << 20
	f := lagging(much, 0, much, much, much, much, 0, much, 100)
	wake := f.brokers[1]
	<-wake // from open
	first, _ := f.gather(1)
	if got, want := partitionsOf(first), []int32{0, 1, 2, 3, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("the first lane asks for %v, want %v", got, want)
	}
	if len(wake) != 1 {
		t.Error("nobody is woken for what it leaves")
	}
	second, _ := f.gather(1)
	if got, want := partitionsOf(second), []int32{5, 7, 8}; !slices.Equal(got, want) {
		t.Errorf("the second lane asks for %v, want %v", got, want)
	}
	if third, _ := f.gather(1); len(third) != 0 {
		t.Errorf("partitions %v are asked for twice at once", partitionsOf(third))
	}
	f.release(second, time.Time{})
	f.release(first, time.Time{})
	if again, _ := f.gather(1); !slices.Equal(partitionsOf(again)[:6], []int32{0, 1, 2, 3, 4, 6}) {
		t.Errorf("%v come first, not those that were asked for longest ago", partitionsOf(again))
	}
}

// TestFetcher_turnsRotate: a broker puts a batch that is larger than an answer into
// it for the partition that comes first only, so each must come first in its turn.
func TestFetcher_turnsRotate(t *testing.T) {
	f := lagging(1000, 1000, 1000)
	var first []int32
	for range 9 {
		batch, _ := f.gather(1)
		first = append(first, batch[0].Partition)
		f.moved(batch[0], wire.Tail{Next: batch[0].offset + 1, LeaderEpoch: -1}, 10, time.Time{})
		for _, a := range batch[1:] { // no room
			f.moved(a, wire.Tail{Next: a.offset, LeaderEpoch: -1}, 0, time.Time{})
		}
	}
	if want := []int32{0, 1, 2, 0, 1, 2, 0, 1, 2}; !slices.Equal(first, want) {
		t.Errorf("%v came first, want %v", first, want)
	}
}

// TestFetcher_smallBacklogsGoTogether: partitions that have little each are read
// in one request, by what their records were known to take.
func TestFetcher_smallBacklogsGoTogether(t *testing.T) {
	f := lagging(slices.Repeat([]int64{1000}, 100)...)
	batch, _ := f.gather(1)
	if len(batch) != 5 { // 1,000 KiB of each are expected, and there is room for 4,032
		t.Errorf("%d partitions are asked for, want 5", len(batch))
	}
	for _, a := range batch { // they turn out to be 10 bytes
		f.moved(a, wire.Tail{Next: 0, LeaderEpoch: -1}, 0, time.Time{})
	}
	for _, c := range f.cursors {
		c.density = 10
	}
	if batch, _ = f.gather(1); len(batch) != 100 {
		t.Errorf("%d partitions are asked for, want all 100", len(batch))
	}
}

// TestFetcher_backlogWakesTheOtherLane: the answer's taker may be busy with it for
// long.
func TestFetcher_backlogWakesTheOtherLane(t *testing.T) {
	f := lagging(10_000)
	<-f.brokers[1]
	for _, tc := range []struct {
		next  int64
		wakes int
	}{{1000, 1}, {9900, 0}, {10_000, 0}} {
		batch, _ := f.gather(1)
		f.moved(batch[0], wire.Tail{Next: tc.next, LeaderEpoch: -1}, int(tc.next-batch[0].offset)<<10, time.Time{})
		if got := len(f.brokers[1]); got != tc.wakes {
			t.Errorf("%d lanes are woken at %d, want %d", got, tc.next, tc.wakes)
		}
		if tc.wakes > 0 {
			<-f.brokers[1]
		}
	}
}

// TestFetcher_onePartitionIsInOneRequest: a request that has delivered a partition
// and then fails for others does not make it free while the other lane asks for it.
func TestFetcher_onePartitionIsInOneRequest(t *testing.T) {
	f := lagging(10_000, 10_000)
	first, _ := f.gather(1)
	f.moved(first[0], wire.Tail{Next: 50, LeaderEpoch: 0}, 50<<10, time.Time{})
	second, _ := f.gather(1)
	if got := partitionsOf(second); !slices.Equal(got, []int32{0}) {
		t.Fatalf("the second lane asks for %v, want what was delivered", got)
	}
	f.release(first, time.Time{})
	if again, _ := f.gather(1); !slices.Equal(partitionsOf(again), []int32{1}) {
		t.Errorf("%v are asked for, want what was not delivered only", partitionsOf(again))
	}
	f.moved(first[0], wire.Tail{Next: 20, LeaderEpoch: 0}, 20<<10, time.Time{})
	if c := first[0].Cursor; c.Offset != 50 || !c.busy {
		t.Errorf("a request that had given up the partition moves it to %d", c.Offset)
	}
}

// TestFetcher_newLeaderIsWoken: a partition that was in a request when its leader
// changed is asked for as soon as that request ends.
func TestFetcher_newLeaderIsWoken(t *testing.T) {
	for name, end := range map[string]func(*Fetcher, []asked){
		"moved":    func(f *Fetcher, b []asked) { f.moved(b[0], wire.Tail{Next: 0, LeaderEpoch: -1}, 0, time.Time{}) },
		"released": func(f *Fetcher, b []asked) { f.release(b, time.Time{}) },
	} {
		f := lagging(10)
		batch, _ := f.gather(1)
		f.Relead(&wire.MetadataResponse{Topics: []wire.TopicMetadata{{Name: "orders", Partitions: []wire.PartitionMetadata{{Leader: 2, LeaderEpoch: 1}}}}})
		<-f.brokers[2]
		if early, _ := f.gather(2); len(early) != 0 {
			t.Fatal("it is asked for twice")
		}
		end(f, batch)
		if len(f.brokers[2]) != 1 {
			t.Errorf("%s: the new leader is not woken", name)
		}
	}
}
