package consumer

import (
	"slices"
	"testing"
	"time"

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
		f := &fetcher{cfg: &Config{FetchMaxBytes: tc.setting}, fetched: newAllowance(tc.allowance, tc.allowance)}
		if got := f.answerLimit(); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

// lagging returns a fetcher with partitions that have so many records of 1 KiB
// ahead.
func lagging(records ...int64) *fetcher {
	f := newFetcher(&Config{FetchMaxBytes: 16 << 20}, nil, nil, newAllowance(32<<20, 32<<20), 1, func() {})
	for i, n := range records {
		f.open(TopicPartition{"orders", int32(i)}, wire.UUID{1}, 0, -1, 1, 0, false).stable.Store(n)
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
	wake := f.leaders[1]
	<-wake // from open
	first, _ := f.gather(1)
	if got, want := partitionsOf(first), []int32{0, 2, 3, 4, 1, 6}; !slices.Equal(got, want) {
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
	if again, _ := f.gather(1); !slices.Equal(partitionsOf(again)[:4], []int32{0, 2, 3, 4}) {
		t.Errorf("%v come first, not those that were asked for longest ago", partitionsOf(again))
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
		f.moved(a, 0, -1, 0, time.Time{})
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
	<-f.leaders[1]
	for _, tc := range []struct {
		next  int64
		wakes int
	}{{1000, 1}, {9900, 0}, {10_000, 0}} {
		batch, _ := f.gather(1)
		f.moved(batch[0], tc.next, -1, int(tc.next-batch[0].offset)<<10, time.Time{})
		if got := len(f.leaders[1]); got != tc.wakes {
			t.Errorf("%d lanes are woken at %d, want %d", got, tc.next, tc.wakes)
		}
		if tc.wakes > 0 {
			<-f.leaders[1]
		}
	}
}
