package process

import (
	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
)

// Memory is the buffer budget, and who holds of it.
type Memory struct {
	Budget   *budget.Budget
	Taste    *budget.Taste
	Pool     *batcher.Pool    // of batches
	Fetched  *fetch.Allowance // of answers
	Inflated *fetch.Allowance // of record batches
	Decoded  *fetch.Allowance // of values; lends nothing where they are JSON as they come
}

// newMemory divides the buffer.
func newMemory(cfg *Config, receipts Receipts) Memory {
	own := fetch.Share(cfg.BufferMaxBytes)
	m := Memory{
		Pool:     batcher.NewPool(),
		Fetched:  fetch.NewAllowance(own, fetch.AnswerCeiling(cfg.BufferMaxBytes)),
		Inflated: fetch.NewAllowance(own, fetch.InflateCeiling(cfg.BufferMaxBytes)),
		Decoded:  fetch.NewAllowance(fetch.DecodedShare(cfg.BufferMaxBytes), fetch.DecodedShare(cfg.BufferMaxBytes)),
		Taste:    budget.NewTaste(cfg.BufferMaxBytes, cfg.HoldProbeInterval),
	}
	fetched, inflated, decoded := m.Fetched, m.Inflated, int64(0)
	if cfg.Schemas != nil {
		decoded = fetch.DecodedShare(cfg.BufferMaxBytes)
	}
	sources := budget.Sources{
		// What reading uses or waits for, its reserve included: what it does not use
		// of that is not lent to the batches.
		Reading: func() int64 {
			return max(fetched.Used(), fetched.Wanted(), own) + max(inflated.Used(), inflated.Wanted(), own) + decoded
		},
		Batches: m.Pool.InUse,
	}
	if receipts != nil {
		sources.Receipts = receipts.Bytes
	}
	m.Budget = budget.New(cfg.BufferMaxBytes, sources)
	return m
}

// Lent returns the bytes that are lent to reading now.
func (m *Memory) Lent() int64 { return m.Fetched.Used() + m.Inflated.Used() + m.Decoded.Used() }
