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

// End reads headers only, without checking anything. It lets the next fetch go out
// before this one is decoded; decoding finds what is wrong.
func End(records []byte) Tail {
	t := Tail{Next: -1, LeaderEpoch: -1, Batch: BatchID{BaseOffset: -1}}
	for len(records) > atMagic {
		total := int64(int32(binary.BigEndian.Uint32(records[atLength:]))) + atLeaderEpoch
		if total < headerLen(records) || total > int64(len(records)) {
			break
		}
		t = tailOf(records)
		records = records[total:]
	}
	return t
}

// EndOfFirst is End of the first batch alone, of which its header is enough.
func EndOfFirst(records []byte) Tail {
	if len(records) <= atMagic || int64(len(records)) < headerLen(records) {
		return Tail{Next: -1, LeaderEpoch: -1, Batch: BatchID{BaseOffset: -1}}
	}
	return tailOf(records)
}

// headerLen is the least that the batch takes which begins here.
func headerLen(records []byte) int64 {
	if isMessage(records) {
		return int64(messageLen(records[atMagic]))
	}
	return batchHeaderLen
}

func tailOf(batch []byte) Tail {
	if isMessage(batch) {
		offset := int64(binary.BigEndian.Uint64(batch))
		return Tail{Next: offset + 1, LeaderEpoch: -1, Batch: BatchID{BaseOffset: offset, CRC: binary.BigEndian.Uint32(batch[atMessageCRC:])}}
	}
	base, delta := int64(binary.BigEndian.Uint64(batch)), int64(int32(binary.BigEndian.Uint32(batch[atLastOffsetDelta:])))
	return Tail{
		Next: base + delta + 1, LeaderEpoch: int32(binary.BigEndian.Uint32(batch[atLeaderEpoch:])),
		Batch: BatchID{BaseOffset: base, CRC: binary.BigEndian.Uint32(batch[atCRC:])},
	}
}
