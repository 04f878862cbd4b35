package consumer

import "testing"

func TestFetcher_answerLimit(t *testing.T) {
	const headers = 64 << 10 // left out of a power of two
	for _, tc := range []struct {
		name                    string
		setting, allowance      int64
		partitions, expectation int
	}{
		{"default", 16 << 20, 32 << 20, 1, 4<<20 - headers},
		{"default", 16 << 20, 32 << 20, 64, 4<<20 - headers},
		{"many partitions", 16 << 20, 32 << 20, 128, 8<<20 - headers},
		{"very many partitions", 16 << 20, 32 << 20, 1000, 16<<20 - headers},
		{"a small setting", 2 << 20, 32 << 20, 8, 1<<20 - headers},
		{"a smaller one", 512 << 10, 32 << 20, 8, 512<<10 - headers},
		{"a small budget", 16 << 20, 2 << 20, 8, 1<<20 - headers},
		{"a tiny budget", 16 << 20, 128 << 10, 8, 64 << 10},
	} {
		f := &fetcher{cfg: &Config{FetchMaxBytes: tc.setting}, fetched: newAllowance(tc.allowance, tc.allowance)}
		if got := f.answerLimit(tc.partitions); got != int64(tc.expectation) {
			t.Errorf("%s, %d partitions: %d, want %d", tc.name, tc.partitions, got, tc.expectation)
		}
	}
}
