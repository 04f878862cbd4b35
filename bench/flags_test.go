package main

import (
	"slices"
	"testing"
	"time"
)

func names(all []scenario) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}

func TestParse_scenarios(t *testing.T) {
	o, err := parse([]string{"-size", "64MiB", "-record", "2KiB", "-scenarios", "zstd,partitions-64,slow-store,namespaces-100k"})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(o.scenarios); !slices.Equal(got, []string{"zstd", "partitions-64", "slow-store", "namespaces-100k"}) {
		t.Fatalf("got %v", got)
	}
	zstd, many, slow, crowd := o.scenarios[0], o.scenarios[1], o.scenarios[2], o.scenarios[3]
	if zstd.codec != "zstd" || zstd.bytes != 64<<20 || zstd.record != 2<<10 || zstd.partitions != 8 {
		t.Errorf("zstd is %+v", zstd)
	}
	if many.partitions != 64 || many.codec != "lz4" || many.bytes != 32<<20 {
		t.Errorf("partitions-64 is %+v", many)
	}
	if slow.delay != 100*time.Millisecond {
		t.Errorf("slow-store is %+v", slow)
	}
	if crowd.namespaces != 100_000 || !crowd.alone {
		t.Errorf("namespaces-100k is %+v", crowd)
	}
}

func TestParse_allScenarios(t *testing.T) {
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"none", "lz4", "zstd", "record-100", "record-16k", "namespaces-1", "namespaces-10k", "namespaces-100k",
		"partitions-1", "partitions-64", "slow-store", "tls", "wan-hot", "wan-even", "avro", "latency", "latency-idle"}
	if got := names(o.scenarios); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParse_families(t *testing.T) {
	for family, want := range map[string][]string{"wan": {"wan-hot", "wan-even"}, "latency": {"latency"}, "record,none": {"record-100", "record-16k", "none"}} {
		o, err := parse([]string{"-scenarios", family})
		if err != nil || !slices.Equal(names(o.scenarios), want) {
			t.Errorf("%s chooses %v (%v), want %v", family, names(o.scenarios), err, want)
		}
	}
}

func TestParse_refuses(t *testing.T) {
	for _, args := range [][]string{
		{"-scenarios", "nonsense"}, {"-codec", "brotli"}, {"-size", "0"}, {"-size", "12XB"}, {"-size", "99999999999GiB"},
		{"-record", "10"}, {"-runs", "0"}, {"-partitions", "0"}, {"-data", "not-there"}, {"-field", "x"}, {"left over"}, {"-size", "50"},
	} {
		if o, err := parse(args); err == nil {
			t.Errorf("%q is accepted as %+v", args, o)
		}
	}
}

func TestParse_dataOfAnotherShape(t *testing.T) {
	o, err := parse([]string{"-data", writeFile(t, `{"id":"1","to":{"name":"x"},"text":"some words"}`), "-field", "to.name"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range o.scenarios {
		if slices.Contains([]string{"record-100", "namespaces-1"}, s.name) {
			t.Errorf("%s would change what the file gives", s.name)
		}
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{"1048576": 1 << 20, "64KiB": 64 << 10, "1GiB": 1 << 30, "20MB": 20e6, "3kB": 3000} {
		var b byteSize
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%s is %d (%v), want %d", text, b, err, want)
		}
	}
}
