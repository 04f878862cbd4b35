package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kmsg encodes and decodes every version from the protocol's own definitions,
// so each message here is compared with what it makes of the same bytes.

func topicID(b byte) (id UUID) {
	for i := range id {
		id[i] = b + byte(i)
	}
	return id
}

func TestFetchRequest_Append(t *testing.T) {
	r := &FetchRequest{
		MaxWait: 500 * time.Millisecond, MaxBytes: 1 << 24, ReadCommitted: true, Rack: "zone-a",
		Partitions: []FetchPartition{
			{Topic: "orders", TopicID: topicID(1), Partition: 3, LeaderEpoch: 7, Offset: 1 << 40, LastFetchedEpoch: 6, MaxBytes: 1 << 20},
			{Topic: "orders", TopicID: topicID(1), Partition: 4, LeaderEpoch: -1, Offset: 0, LastFetchedEpoch: -1, MaxBytes: 5},
			{Topic: "users", TopicID: topicID(2), Partition: 0, LeaderEpoch: 1},
		},
	}
	for version := int16(5); version <= 13; version++ {
		got := kmsg.NewPtrFetchRequest()
		readBack(t, r, version, got)
		if got.ReplicaID != -1 || got.SessionEpoch != -1 || got.SessionID != 0 || got.MaxWaitMillis != 500 ||
			got.MinBytes != 1 || got.MaxBytes != 1<<24 || (got.Rack == "zone-a") != (version >= 11) || got.IsolationLevel != 1 || len(got.Topics) != 2 {
			t.Fatalf("version %d: %+v", version, got)
		}
		left := r.Partitions
		for _, topic := range got.Topics {
			for _, p := range topic.Partitions {
				w := left[0]
				if left = left[1:]; version >= 13 {
					w.Topic = ""
				} else {
					w.TopicID = UUID{}
				}
				if version < 12 {
					w.LastFetchedEpoch = -1
				}
				if version < 9 {
					w.LeaderEpoch = -1
				}
				if g := (FetchPartition{topic.Topic, topic.TopicID, p.Partition, p.CurrentLeaderEpoch, p.FetchOffset, p.LastFetchedEpoch, p.PartitionMaxBytes}); g != w {
					t.Errorf("version %d: partition %+v, want %+v", version, g, w)
				}
			}
		}
	}
}

func TestFetchRequest_versionNeedsIDs(t *testing.T) {
	r := &FetchRequest{Partitions: []FetchPartition{{TopicID: topicID(1)}, {Topic: "no id yet"}}}
	for _, tc := range []struct {
		offered VersionRange
		byID    bool
		want    int16
		ok      bool
	}{
		{VersionRange{4, 18}, true, 13, true},
		{VersionRange{4, 18}, false, 12, true},
		{VersionRange{0, 11}, true, 11, true},
		{VersionRange{4, 6}, true, 6, true}, // as Azure Event Hubs has it
		{VersionRange{0, 4}, true, 4, false},
		{VersionRange{14, 18}, true, 13, false},
		{VersionRange{}, true, 0, false},
	} {
		r.Partitions[1].TopicID = UUID{}
		if tc.byID {
			r.Partitions[1].TopicID = topicID(2)
		}
		if got, ok := tc.offered.Pick(r); ok != tc.ok || ok && got != tc.want {
			t.Errorf("%+v, ids %v: version %d, %v", tc.offered, tc.byID, got, ok)
		}
	}
}

// readBack decodes what r appends with kmsg, which must use every byte.
func readBack(t *testing.T, r Request, version int16, into kmsg.Request) {
	t.Helper()
	frame := AppendFrame([]byte("before"), r, version, 99, "client")
	into.SetVersion(version)
	want := into.AppendTo(nil) // only to see that the version exists
	if len(want) == 0 && into.Key() != KeyAPIVersions {
		t.Fatalf("kmsg does not know version %d", version)
	}
	c := cursor{b: frame[len("before"):]}
	if n := c.int32(); int(n) != len(c.b) {
		t.Fatalf("version %d: size %d of %d bytes", version, n, len(c.b))
	}
	if key, v, id, client := c.int16(), c.int16(), c.int32(), c.string(false); key != into.Key() || v != version || id != 99 || client != "client" {
		t.Fatalf("version %d: header %d %d %d %q", version, key, v, id, client)
	}
	c.skipTags(into.IsFlexible())
	if err := into.ReadFrom(c.b); err != nil {
		t.Fatalf("version %d: %v", version, err)
	}
	if again := into.AppendTo(nil); !bytes.Equal(again, c.b) {
		t.Errorf("version %d: kmsg writes\n%x, not\n%x", version, again, c.b)
	}
}

func TestMetadataRequest_Append(t *testing.T) {
	for version := int16(5); version <= 12; version++ {
		for _, topics := range [][]string{nil, {}, {"orders", "users"}} {
			got := kmsg.NewPtrMetadataRequest()
			readBack(t, &MetadataRequest{Topics: topics, Operations: len(topics) > 0}, version, got)
			if got.IncludeClusterAuthorizedOperations || got.IncludeTopicAuthorizedOperations != (len(topics) > 0 && version >= 8) {
				t.Errorf("version %d asks for operations: %+v", version, got)
			}
			if got.AllowAutoTopicCreation || (got.Topics == nil) != (topics == nil) || len(got.Topics) != len(topics) {
				t.Errorf("version %d: %+v", version, got)
			}
			for i := range topics {
				if *got.Topics[i].Topic != topics[i] {
					t.Errorf("version %d: %+v", version, got.Topics[i])
				}
			}
		}
	}
}

func TestListOffsetsRequest_Append(t *testing.T) {
	for version := int16(2); version <= 6; version++ {
		got := kmsg.NewPtrListOffsetsRequest()
		readBack(t, &ListOffsetsRequest{ReadCommitted: true, Partitions: []ListOffsetsPartition{
			{"orders", 1, LatestOffset}, {"orders", 2, EarliestOffset},
		}}, version, got)
		if got.IsolationLevel != 1 || got.ReplicaID != -1 || len(got.Topics) != 1 || len(got.Topics[0].Partitions) != 2 {
			t.Fatalf("version %d: %+v", version, got)
		}
		if p := got.Topics[0].Partitions[1]; p.Partition != 2 || p.Timestamp != -2 || p.CurrentLeaderEpoch != -1 {
			t.Errorf("version %d: %+v", version, p)
		}
	}
}

// fetchAnswer is an answer with everything in it, as kmsg writes it.
func fetchAnswer(version int16, rng *rand.Rand) (body []byte, want FetchResponse) {
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(version)
	answer.ThrottleMillis, answer.ErrorCode, answer.SessionID = 70, int16(rng.IntN(3)), 5
	want = FetchResponse{ErrorCode: answer.ErrorCode, Throttle: 70 * time.Millisecond}
	if version < 7 {
		want.ErrorCode = 0
	}
	for i := range rng.IntN(4) {
		topic := kmsg.NewFetchResponseTopic()
		name, id := string(rune('a'+i)), topicID(byte(i))
		topic.Topic, topic.TopicID = name, id
		if version < 13 {
			id = UUID{}
		} else {
			name = ""
		}
		for j := range rng.IntN(4) {
			p := kmsg.NewFetchResponseTopicPartition()
			p.Partition, p.ErrorCode = int32(j), int16(rng.IntN(2)*3)
			p.HighWatermark, p.LastStableOffset, p.LogStartOffset = rng.Int64N(1e9), rng.Int64N(1e9), rng.Int64N(1e9)
			p.RecordBatches, p.PreferredReadReplica = make([]byte, rng.IntN(100)), rng.Int32N(4)-1
			w := FetchedPartition{
				Topic: name, TopicID: id, Partition: p.Partition, ErrorCode: p.ErrorCode,
				HighWatermark: p.HighWatermark, LastStableOffset: p.LastStableOffset, LogStartOffset: p.LogStartOffset,
				DivergingEndOffset: -1, Records: p.RecordBatches, PreferredReplica: p.PreferredReadReplica,
			}
			if version < 11 {
				w.PreferredReplica = -1
			}
			for range rng.IntN(3) {
				a := AbortedTransaction{rng.Int64N(100), rng.Int64N(100)}
				w.Aborted = append(w.Aborted, a)
				p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
			}
			if version >= 12 && rng.IntN(2) == 0 {
				p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 4, 5 // a tag that is passed over
				p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = 8, 88
				w.DivergingEndOffset = 88
			}
			topic.Partitions = append(topic.Partitions, p)
			want.Partitions = append(want.Partitions, w)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return answer.AppendTo(nil), want
}

func TestFetchResponse_Decode(t *testing.T) {
	var got FetchResponse // reused, so that nothing of the answer before may stay
	for seed := range uint64(300) {
		version := 5 + int16(seed%9)
		body, want := fetchAnswer(version, rand.New(rand.NewPCG(seed, 5)))
		if err := got.Decode(body, version); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(got.Partitions) != len(want.Partitions) || got.ErrorCode != want.ErrorCode || got.Throttle != want.Throttle {
			t.Fatalf("seed %d: got %+v\nwant %+v", seed, got, want)
		}
		for i, g := range got.Partitions {
			w := want.Partitions[i]
			sameBytes := bytes.Equal(g.Records, w.Records)
			sameAborted := len(g.Aborted) == len(w.Aborted) && (len(g.Aborted) == 0 || reflect.DeepEqual(g.Aborted, w.Aborted))
			g.Records, w.Records, g.Aborted, w.Aborted = nil, nil, nil, nil
			if !sameBytes || !sameAborted || !reflect.DeepEqual(g, w) || g.Diverged() != (w.DivergingEndOffset == 88) {
				t.Fatalf("seed %d: got %+v\nwant %+v", seed, g, w)
			}
		}
	}
}

func TestFetchResponse_cutOff(t *testing.T) {
	for version := int16(5); version <= 13; version++ {
		body, _ := fetchAnswer(version, rand.New(rand.NewPCG(2, 5)))
		var r FetchResponse
		for n := range body {
			if err := r.Decode(body[:n], version); err == nil || len(r.Partitions) > 0 {
				t.Fatalf("version %d, %d of %d bytes: %v, %d partitions", version, n, len(body), err, len(r.Partitions))
			}
		}
	}
}

// TestFetchResponse_DecodeHead: of an answer that is cut off anywhere the whole
// partitions are read, and of one more as many records as there are.
func TestFetchResponse_DecodeHead(t *testing.T) {
	for seed := range uint64(30) {
		version := 5 + int16(seed%9)
		body, want := fetchAnswer(version, rand.New(rand.NewPCG(seed, 6)))
		var r FetchResponse
		cut, seen := 0, 0
		for n := range len(body) + 1 {
			if err := r.DecodeHead(body[:n], version); err != nil {
				continue
			}
			if len(r.Partitions) < seen-1 { // one less while its last fields are missing
				t.Fatalf("seed %d, %d bytes: %d partitions after %d", seed, n, len(r.Partitions), seen)
			}
			seen = len(r.Partitions)
			for i, g := range r.Partitions {
				w := want.Partitions[i]
				if g.Partition != w.Partition || g.HighWatermark != w.HighWatermark || len(g.Aborted) != len(w.Aborted) || !bytes.HasPrefix(w.Records, g.Records) {
					t.Fatalf("seed %d, %d bytes: got %+v\nwant %+v", seed, n, g, w)
				}
				if g.Cut != (len(g.Records) < len(w.Records)) || g.Cut && i < len(r.Partitions)-1 {
					t.Fatalf("seed %d, %d bytes: partition %d of %d, cut off %t with %d bytes of %d", seed, n, i, len(r.Partitions), g.Cut, len(g.Records), len(w.Records))
				}
				if g.Cut {
					cut++
				}
			}
		}
		if seen != len(want.Partitions) || cut == 0 && seen > 0 {
			t.Errorf("seed %d: %d partitions of %d, %d cut off", seed, seen, len(want.Partitions), cut)
		}
	}
}

func metadataAnswer(version int16) (body []byte, want MetadataResponse) {
	answer := kmsg.NewPtrMetadataResponse()
	answer.SetVersion(version)
	rack, cluster, name := "r1", "cluster", "orders"
	answer.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "b1", Port: 9092, Rack: &rack}, {NodeID: 2, Host: "b2", Port: 9093}}
	answer.ClusterID, answer.ControllerID = &cluster, 2
	answer.Topics = []kmsg.MetadataResponseTopic{{
		Topic: &name, TopicID: topicID(9), IsInternal: true, AuthorizedOperations: 1 << 4,
		Partitions: []kmsg.MetadataResponseTopicPartition{
			{Partition: 0, Leader: 2, LeaderEpoch: 4, Replicas: []int32{1, 2}, ISR: []int32{2}, OfflineReplicas: []int32{1}},
			{ErrorCode: 5, Partition: 1, Leader: -1, LeaderEpoch: 3},
		},
	}}
	want = MetadataResponse{
		ClusterID: cluster,
		Brokers:   []Broker{{1, "r1"}, {2, ""}},
		Topics: []TopicMetadata{{Name: name, ID: topicID(9), Internal: true, Operations: 1 << OperationWrite, Partitions: []PartitionMetadata{
			{Partition: 0, Leader: 2, LeaderEpoch: 4},
			{Partition: 1, Leader: -1, LeaderEpoch: 3},
		}}},
	}
	if version >= 12 {
		unnamed := kmsg.MetadataResponseTopic{ErrorCode: 100, TopicID: topicID(1)}
		answer.Topics = append(answer.Topics, unnamed)
		want.Topics = append(want.Topics, TopicMetadata{ErrorCode: 100, ID: topicID(1)})
	}
	if version < 10 {
		want.Topics[0].ID = UUID{}
	}
	if version < 8 {
		want.Topics[0].Operations = UnknownOperations
	}
	if version < 7 {
		want.Topics[0].Partitions[0].LeaderEpoch, want.Topics[0].Partitions[1].LeaderEpoch = -1, -1
	}
	return answer.AppendTo(nil), want
}

func TestMetadataResponse_Decode(t *testing.T) {
	for version := int16(5); version <= 12; version++ {
		body, want := metadataAnswer(version)
		var got MetadataResponse
		if err := got.Decode(body, version); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("version %d: %v, got %+v\nwant %+v", version, err, got, want)
		}
		for n := range body {
			if err := got.Decode(body[:n], version); err == nil || len(got.Topics) > 0 {
				t.Fatalf("version %d: decoded %d of %d bytes", version, n, len(body))
			}
		}
	}
}

func TestOperations_Has(t *testing.T) {
	for _, tc := range []struct {
		set         Operations
		read, write bool
	}{
		{0, false, false}, {UnknownOperations, false, false}, {1<<3 | 1<<8, true, false}, {1 << 4, false, true}, {0xff8, true, true},
	} {
		if tc.set.Has(OperationRead) != tc.read || tc.set.Has(OperationWrite) != tc.write {
			t.Errorf("set %b: read %v, write %v", tc.set, tc.set.Has(OperationRead), tc.set.Has(OperationWrite))
		}
	}
}

func listOffsetsAnswer(version int16) []byte {
	answer := kmsg.NewPtrListOffsetsResponse()
	answer.SetVersion(version)
	answer.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: "orders", Partitions: []kmsg.ListOffsetsResponseTopicPartition{
		{Partition: 1, Timestamp: -1, Offset: 77, LeaderEpoch: 4}, {Partition: 2, ErrorCode: 6, Timestamp: -1, Offset: -1, LeaderEpoch: -1},
	}}}
	return answer.AppendTo(nil)
}

func TestListOffsetsResponse_Decode(t *testing.T) {
	want := []ListedOffset{{"orders", 1, 0, 77}, {"orders", 2, 6, -1}}
	for version := int16(2); version <= 6; version++ {
		var got ListOffsetsResponse
		body := listOffsetsAnswer(version)
		if err := got.Decode(body, version); err != nil || !reflect.DeepEqual(got.Partitions, want) {
			t.Errorf("version %d: %v, got %+v", version, err, got)
		}
		for n := range body {
			if err := got.Decode(body[:n], version); err == nil || len(got.Partitions) > 0 {
				t.Fatalf("version %d: decoded %d of %d bytes", version, n, len(body))
			}
		}
	}
}

func TestAPIVersions(t *testing.T) {
	readBack(t, &APIVersionsRequest{}, 0, kmsg.NewPtrApiVersionsRequest())
	answer := kmsg.NewPtrApiVersionsResponse()
	answer.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: KeyFetch, MinVersion: 4, MaxVersion: 18}}
	var got APIVersionsResponse
	if err := got.Decode(answer.AppendTo(nil), 0); err != nil || got.APIs[KeyFetch] != (VersionRange{4, 18}) {
		t.Errorf("%v, got %+v", err, got)
	}
	if err := got.Decode(answer.AppendTo(nil)[:9], 0); err == nil {
		t.Error("decoded half an answer")
	}
}

// fuzzDecode feeds noise to a decoder and checks that memory stays in
// proportion to it.
func fuzzDecode(f *testing.F, decode func(body []byte, version int16) error) {
	f.Fuzz(func(t *testing.T, body []byte, version int16) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := decode(body, version%16)
		runtime.ReadMemStats(&after)
		if err != nil && !strings.Contains(err.Error(), "malformed after") {
			t.Fatal(err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20+400*uint64(len(body)) {
			t.Fatalf("%d bytes made %d", len(body), grown)
		}
	})
}

func FuzzFetchResponse(f *testing.F) {
	for version := int16(5); version <= 13; version++ {
		body, _ := fetchAnswer(version, rand.New(rand.NewPCG(2, 5)))
		f.Add(body, version)
	}
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, int16(11))
	fuzzDecode(f, func(body []byte, version int16) error { return new(FetchResponse).Decode(body, version) })
}

func FuzzMetadataResponse(f *testing.F) {
	for version := int16(8); version <= 12; version++ {
		body, _ := metadataAnswer(version)
		f.Add(body, version)
	}
	fuzzDecode(f, func(body []byte, version int16) error { return new(MetadataResponse).Decode(body, version) })
}

func FuzzListOffsetsResponse(f *testing.F) {
	for version := int16(4); version <= 6; version++ {
		f.Add(listOffsetsAnswer(version), version)
	}
	fuzzDecode(f, func(body []byte, version int16) error { return new(ListOffsetsResponse).Decode(body, version) })
}

// TestBody_passesTagsOfTheHeader: none are defined, and those of the future mean nothing
// to a client of today.
func TestBody_passesTagsOfTheHeader(t *testing.T) {
	answer := []byte{2, 5, 2, 'x', 'y', 6, 0, 'b'}
	for version, want := range map[int16]string{8: string(answer), 9: "b"} {
		if body, err := Body(&MetadataRequest{}, version, answer); err != nil || string(body) != want {
			t.Errorf("version %d: %q, %v, want %q", version, body, err, want)
		}
	}
	for n := range 7 {
		if body, err := Body(&MetadataRequest{}, 9, answer[:n]); err == nil {
			t.Errorf("%d bytes: %q", n, body)
		}
	}
}
