package main

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"kafka-import-bridge/internal/config"
)

// containerMemory returns the memory limit of the process's control group, or 0
// where there is none.
func containerMemory() config.Size {
	limit, err := memlimit.FromCgroup()
	if err != nil || limit > math.MaxInt64/2 { // no limit is a large number in version 1
		return 0
	}
	return config.Size(limit)
}

// applyLimits sets the garbage collector's memory limit, and warns of limits that are
// too small.
func applyLimits(cfg *config.Config, logger *slog.Logger) {
	limitMemory(int64(cfg.Buffer.MaxBytes), logger)
	if limit := cfg.Buffer.FittedTo; limit > 0 {
		logger.Warn("the buffer is smaller than its default, since the container has little memory", "buffer_limit_bytes", int64(cfg.Buffer.MaxBytes), "container_limit_bytes", int64(limit))
	}
	if allowed, needed := descriptors(cfg); allowed < needed {
		logger.Warn("the process may open too few files and connections", "allowed", allowed, "needed", needed, "remedy", moreDescriptors)
	}
}

// limitMemory sets the garbage collector's limit, unless GOMEMLIMIT does.
func limitMemory(buffer int64, logger *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := memoryLimit(buffer, int64(containerMemory()))
	debug.SetMemoryLimit(limit)
	logger.Debug("memory limit of the garbage collector is set", "bytes", fmt.Sprint(limit))
}

// memoryLimit returns how many bytes the garbage collector may use for a buffer, and in a
// container of some size, 0 for none: buffers are reused, so a heap of twice their size
// would only be garbage.
func memoryLimit(buffer, container int64) int64 {
	// Of the 64 MiB that the process may take beside the buffer, the pages of the binary
	// itself, of which the collector knows nothing, take up to 19. Of a larger buffer some
	// is always free, since reading does not lend what it has in reserve: the collector may
	// use so much of that.
	limit := buffer + 46<<20 + min(buffer/32, 6<<20)
	if container > 0 {
		limit = min(limit, container/10*9)
	}
	return limit
}

// moreDescriptors is the remedy for too few descriptors.
const moreDescriptors = "raise the limit of open files (ulimit -n, LimitNOFILE of systemd, ulimits of the container), or lower BRIDGE_UPLOAD_CONCURRENCY"

// descriptors returns how many files and connections the process may have open,
// and about how many it needs: one to the API and one to the store for each
// import, and what brokers, scrapes and files take.
func descriptors(cfg *config.Config) (allowed, needed uint64) {
	const base = 100
	return openFiles(), base + 2*uint64(cfg.API.UploadConcurrency)
}

// tooFewDescriptors returns the sentence for people that says so.
func tooFewDescriptors(allowed, needed uint64) string {
	return fmt.Sprintf("the process may open %d files and connections and needs about %d", allowed, needed)
}
