package config

import "fmt"

const (
	// besideBuffer is what resident memory takes beside the buffer.
	besideBuffer Size = 64 << 20
	// leastFitted is the smallest buffer that fitMemory chooses.
	leastFitted Size = 16 << 20
)

// fitMemory makes the default of the buffer's size fit into a container of limit bytes of
// memory, 0 for no limit, or adds a fault.
func (l *loader) fitMemory(limit Size) {
	c := l.config
	room := (limit - besideBuffer) &^ (1<<20 - 1) // whole MiB
	least := max(leastFitted, c.Batch.MaxBytes)
	switch {
	case limit == 0 || c.Buffer.MaxBytes+besideBuffer <= limit || !l.sound(varBufferMaxBytes, "BRIDGE_BATCH_MAX_BYTES"):
		return
	case l.given(varBufferMaxBytes):
		least = c.Buffer.MaxBytes
	case room >= least:
		c.Buffer.MaxBytes, c.Buffer.FittedTo = room, limit
		c.effective[varBufferMaxBytes] = room.String()
		return
	}
	l.faults = append(l.faults, &Fault{
		Variable: varBufferMaxBytes, Value: c.effective[varBufferMaxBytes],
		Problem: fmt.Sprintf("the memory limit of this container, %s, has no room for it and %s beside it: want a limit of at least %s",
			limit, besideBuffer, least+besideBuffer),
		Remedy: "raise the container's memory limit, or lower " + varBufferMaxBytes,
	})
}
