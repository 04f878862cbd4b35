package main

import (
	"os"
	"testing"
	"time"
)

// film makes samples of a second each.
func film(all ...sample) []sample {
	for i := range all {
		all[i].at = time.Unix(int64(i), 0)
	}
	return all
}

func TestBusyTime(t *testing.T) {
	const mb = 1 << 20
	for _, tc := range []struct {
		name    string
		samples []sample
		want    time.Duration
	}{
		{"nothing was seen", nil, 0},
		{"joining the group is no work", film(
			sample{}, sample{read: 5}, sample{read: 10}, sample{read: 50 * mb}, sample{read: 100 * mb}), 2 * time.Second},
		{"nor is what a process reads of files, much as it may be of a small topic", film(
			sample{}, sample{read: mb / 2}, sample{read: mb / 2}, sample{read: 10 * mb}, sample{read: 20 * mb}), 2 * time.Second},
		{"a topic that compresses to nothing takes its time all the same", film(
			sample{}, sample{read: mb / 5}, sample{read: mb / 2}, sample{read: mb / 2, cpu: 1}), 3 * time.Second},
		{"waiting for the age bound is no work", film(
			sample{}, sample{read: 50 * mb, storing: true}, sample{read: 100 * mb}, sample{read: 100 * mb}, sample{read: 100 * mb},
			sample{read: 100 * mb, storing: true}), 3 * time.Second},
		{"using the CPU after the last byte is", film(
			sample{}, sample{read: 100 * mb, cpu: 1}, sample{read: 100 * mb, cpu: 2}, sample{read: 100 * mb, cpu: 3}, sample{read: 100 * mb, cpu: 3}), 3 * time.Second},
		{"a short pause between PUTs is", []sample{
			{at: time.Unix(0, 0)}, {at: time.Unix(1, 0), read: 100 * mb, storing: true}, {at: time.Unix(1, 6e7), read: 100 * mb}, {at: time.Unix(1, 12e7), read: 100 * mb, storing: true},
			{at: time.Unix(1, 30e7), read: 100 * mb}, {at: time.Unix(1, 40e7), read: 100 * mb, storing: true},
		}, 1220 * time.Millisecond},
		{"a pause between reads is", film(
			sample{}, sample{read: 50 * mb}, sample{read: 50 * mb}, sample{read: 50 * mb}, sample{read: 100 * mb}), 4 * time.Second},
		{"a few bytes after the last record are no reading", film(
			sample{}, sample{read: 100 * mb}, sample{read: 100*mb + 500}, sample{read: 100*mb + 900}), time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := busyTime(tc.samples); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestProcess_figuresOfThisOne(t *testing.T) {
	before, err := readBy(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile("data.go"); err != nil {
		t.Fatal(err)
	}
	if after, err := readBy(os.Getpid()); err != nil || after <= before {
		t.Errorf("read %d bytes before and %d after a read (%v)", before, after, err)
	}
	if rss, err := peakRSSOf(os.Getpid()); err != nil || rss < 1<<20 || rss > 1<<34 {
		t.Errorf("peak RSS of %d bytes (%v)", rss, err)
	}
	if cpu, err := cpuOf(os.Getpid()); err != nil || cpu < 0 || cpu > time.Hour {
		t.Errorf("CPU time of %s (%v)", cpu, err)
	}
	if _, err := cpuOf(1 << 30); err == nil {
		t.Error("a process that does not exist has a CPU time")
	}
}
