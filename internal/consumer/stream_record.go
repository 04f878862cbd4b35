package consumer

import (
	"fmt"

	"kafka-import-bridge/internal/record"
)

// oversized notes that d.rec, of which nothing but its place is known, is too
// large for any line. It becomes no dead letter either: that would have to be in
// memory as well.
func (d *decoder) oversized(w *work, size int64) {
	c, rec := d.chunk, &d.rec
	c.records++
	c.next = rec.Offset + 1
	if w.catchUp != nil {
		return // the main read has dealt with it
	}
	c.lastTime = c.ageOf(rec)
	c.rejects = append(c.rejects, rejected{
		offset: rec.Offset, time: c.lastTime,
		operator: d.cfg.SkipRecords[w.cursor.TopicPartition][rec.Offset],
		reason:   record.TooLarge,
		detail:   fmt.Sprintf("the record of %d bytes is larger than BRIDGE_BUFFER_MAX_BYTES has room for, also as a dead letter", size),
	})
}
