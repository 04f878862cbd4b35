package config

import "fmt"

const (
	// besideBuffer is what resident memory takes beside the buffer.
	besideBuffer Size = 64 << 20
	// leastFitted is the smallest buffer that FitMemory chooses.
	leastFitted Size = 16 << 20
)

// FitMemory makes the buffer fit into a container of limit bytes of memory: the
// default becomes smaller, a buffer that the environment sets and that is too
// large is a [*Fault]. A limit of 0 is none. Call it once, after Load.
func (c *Config) FitMemory(limit Size) error {
	room := (limit - besideBuffer) &^ (1<<20 - 1) // whole MiB
	least := max(leastFitted, c.Batch.MaxBytes)
	switch {
	case limit == 0 || c.Buffer.MaxBytes+besideBuffer <= limit:
		return nil
	case c.bufferSet:
		least = c.Buffer.MaxBytes
	case room >= least:
		c.Buffer.MaxBytes, c.Buffer.FittedTo = room, limit
		c.effective[varBufferMaxBytes] = room.String()
		return nil
	}
	return &Fault{
		Variable: varBufferMaxBytes, Value: c.effective[varBufferMaxBytes],
		Problem: fmt.Sprintf("the memory limit of this container, %s, has no room for it and %s beside it: want a limit of at least %s",
			limit, besideBuffer, least+besideBuffer),
		Remedy: "raise the container's memory limit, or lower " + varBufferMaxBytes,
	}
}
