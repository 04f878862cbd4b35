package wire

import "encoding/binary"

// End reads headers only, without checking anything: the offset after the last
// whole batch of one partition's records and that batch's leader epoch. It lets
// the next fetch go out before this one is decoded; decoding finds what is
// wrong. Both are -1 where there is no whole batch.
func End(records []byte) (next int64, leaderEpoch int32) {
	next, leaderEpoch = -1, -1
	for len(records) >= batchHeaderLen {
		total := int64(int32(binary.BigEndian.Uint32(records[atLength:]))) + atLeaderEpoch
		if total < batchHeaderLen || total > int64(len(records)) {
			break
		}
		delta := int64(int32(binary.BigEndian.Uint32(records[atLastOffsetDelta:])))
		next = int64(binary.BigEndian.Uint64(records)) + delta + 1
		leaderEpoch = int32(binary.BigEndian.Uint32(records[atLeaderEpoch:]))
		records = records[total:]
	}
	return next, leaderEpoch
}
