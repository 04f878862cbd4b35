package wire

import "encoding/binary"

// Tail is the end of a partition's records. Offsets and epochs are -1, and the rest 0,
// where there is no whole batch.
type Tail struct {
	Next        int64 // the offset after the last whole batch
	LeaderEpoch int32 // that batch's
	Batch       BatchID
}

// BatchID distinguishes a batch from one that another log has in its place.
type BatchID struct {
	BaseOffset int64
	CRC        uint32
}

// TailOf returns the end of a partition's records by the headers of their batches. It checks
// nothing: it lets the next fetch go out before this one is decoded, and decoding finds
// what is wrong.
func TailOf(records []byte) Tail {
	t := noTail
	for {
		first, rest, err := split(records)
		if err != nil {
			return t
		}
		t, records = tail(first), rest
	}
}

// TailOfFirst returns the end of the first batch alone, of which its header is enough.
func TailOfFirst(records []byte) Tail {
	if _, err := frame(records); err != nil {
		return noTail
	}
	return tail(records)
}

var noTail = Tail{Next: -1, LeaderEpoch: -1, Batch: BatchID{BaseOffset: -1}}

func tail(batch []byte) Tail {
	base := baseOffset(batch)
	if isMessage(batch) {
		return Tail{Next: base + 1, LeaderEpoch: -1, Batch: BatchID{BaseOffset: base, CRC: binary.BigEndian.Uint32(batch[atMessageCRC:])}}
	}
	delta := int64(int32(binary.BigEndian.Uint32(batch[atLastOffsetDelta:])))
	return Tail{
		Next: base + delta + 1, LeaderEpoch: int32(binary.BigEndian.Uint32(batch[atLeaderEpoch:])),
		Batch: BatchID{BaseOffset: base, CRC: binary.BigEndian.Uint32(batch[atCRC:])},
	}
}
