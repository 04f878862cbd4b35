package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What can be wrong with the first record batch of each partition of a fetch.
const (
	flippedBit   = "a bit is flipped"
	unknownCodec = "the codec is unknown"
)

// damageBatches draws record batches that arrive damaged for a while.
func (s *schedule) damageBatches(rnd *rand.Rand, at time.Duration) {
	what, span := pick(rnd, flippedBit, unknownCodec), pick(rnd, time.Second, 10*time.Second, 30*time.Second)
	if !s.settings.fetchesByID() {
		what = flippedBit // a batch with another checksum would be another log's
	}
	s.onSlot(rnd, at, fmt.Sprintf("in fetched batches %s, for %s", what, span), func(w *world, p *process) {
		w.touch(span, partitionRest, everything, what)
		p.kafka.setDamage(what)
		time.AfterFunc(span, func() { p.kafka.setDamage("") })
	})
}

func (l *link) setDamage(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.damage = what
}

// arrived takes bytes of answers and makes whole answers ready, those of
// fetches damaged if they are to be.
func (c *conn) arrived(p []byte) {
	c.coming = append(c.coming, p...)
	for len(c.coming) >= 8 {
		size := 4 + int(binary.BigEndian.Uint32(c.coming))
		if len(c.coming) < size {
			c.coming = slices.Grow(c.coming, size-len(c.coming))
			return
		}
		frame := c.coming[:size:size]
		c.coming = c.coming[size:]
		id := binary.BigEndian.Uint32(frame[4:])
		c.mu.Lock()
		version, fetch := c.fetches[id]
		delete(c.fetches, id)
		c.mu.Unlock()
		c.link.mu.Lock()
		what := c.link.damage
		c.link.mu.Unlock()
		if fetch && what != "" {
			frame = damaged(frame, version, what)
		}
		if len(c.ready) == 0 {
			c.ready = frame // nothing else has these bytes
		} else {
			c.ready = append(c.ready, frame...)
		}
	}
}

// damaged is the answer to a fetch with damaged batches.
func damaged(frame []byte, version int16, what string) []byte {
	r := kmsg.NewPtrFetchResponse()
	r.Version = version
	head := 8
	if r.IsFlexible() {
		head++ // no tags
	}
	if r.ReadFrom(frame[head:]) != nil || r.ErrorCode != 0 {
		return frame
	}
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			damageBatch(r.Topics[i].Partitions[j].RecordBatches, what)
		}
	}
	out := r.AppendTo(append([]byte(nil), frame[:head]...))
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// damageBatch changes the first batch: its layout is KIP-98's.
func damageBatch(batches []byte, what string) {
	const length, crc, attributes, header = 8, 17, 21, 61
	if len(batches) < header {
		return
	}
	batch := batches[:min(len(batches), 12+int(binary.BigEndian.Uint32(batches[length:])))]
	switch what {
	case flippedBit:
		batch[len(batch)-1] ^= 1
	case unknownCodec:
		batch[attributes+1] |= 7
		binary.BigEndian.PutUint32(batch[crc:], crc32.Checksum(batch[attributes:], crc32.MakeTable(crc32.Castagnoli)))
	}
}
