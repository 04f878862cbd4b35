package assignment

import (
	"cmp"

	"kafka-import-bridge/internal/consumer/fetch"
)

// State is what a partition is in.
type State uint8

// The states of a partition.
const (
	Opening State = iota // where it starts is not known yet
	Reading
	Paused // not read until something of the bridge's own is free, see Pause
	Failed // it cannot be read, and is tried again
	Held   // its offset is out of range, and stays as it is until somebody decides
	Lost   // its topic is gone or was created anew: neither read nor committed
)

var stateNames = [...]string{"opening", "reading", "paused", "failed", "held", "lost"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }

// Pause is why a partition is not read though it could be. What was read of it is
// dropped meanwhile, so that it keeps no other partition waiting.
type Pause uint8

// The reasons of a pause.
const (
	NoPause       Pause = iota
	TooManyHeld         // more records held, or on their way to the dead-letter topic, would not fit a commit
	AwaitsLetters       // the dead letters under way leave no room for its own
	AwaitsMarks         // no memory is left to remember where dropped lines begin
)

// condition says what is true of a partition, each thing by itself: its state follows
// from that. Its methods are all of the transitions, and touch nothing else: an
// Assignment calls them, and makes the fetcher follow.
type condition struct {
	Cursor *fetch.Cursor // nil until its start is resolved
	pause  Pause
	lost   error // why its topic is gone, or may be; nil if it is not
	held   error // why somebody has to decide; nil if nobody has to
	failed error // why it cannot be opened or read; nil if it can
	// stopped and corrupt are of a failed one: it is not asked for either, until it is
	// mended, and the failure lies in what the log holds, and stays.
	stopped, corrupt bool
}

// State returns the partition's state.
func (c *condition) State() State {
	switch {
	case c.lost != nil:
		return Lost
	case c.held != nil:
		return Held
	case !c.IsOpen():
		return Opening
	case c.failed != nil:
		return Failed
	case c.pause != NoPause:
		return Paused
	}
	return Reading
}

// Err returns why the partition cannot be read, nil if it can.
func (c *condition) Err() error { return cmp.Or(c.lost, c.held, c.failed) }

// Corrupt reports whether the partition fails for what its log holds.
func (c *condition) Corrupt() bool { return c.State() == Failed && c.corrupt }

// IsOpen reports whether the partition's start is known.
func (c *condition) IsOpen() bool { return c.Cursor != nil }

// IsHeld reports whether the partition is out of range and waits for somebody to
// decide, also while its topic seems lost.
func (c *condition) IsHeld() bool { return c.held != nil }

// Live reports whether the partition's start is known and its topic is there: what is
// done in it may be committed, and what it owes may be read.
func (c *condition) Live() bool { return c.IsOpen() && c.lost == nil }

// reads reports whether the partition is to be asked for.
func (c *condition) reads() bool {
	state := c.State()
	return state == Reading || state == Failed && !c.stopped && c.pause == NoPause
}

// opened notes that its start is known.
func (c *condition) opened(cursor *fetch.Cursor) {
	c.Cursor = cursor
	c.mend()
}

// wait notes that it is not to be read before what the reason says is free, or, without
// one, that it waits for nothing any more.
func (c *condition) wait(reason Pause) { c.pause = reason }

// fail notes that it cannot be read, or be opened. What cannot be read is asked for
// again, unless stop says that something else has to mend it first.
func (c *condition) fail(err error, corrupt, stop bool) {
	if c.lost == nil {
		c.failed, c.corrupt, c.stopped = err, corrupt, stop
	}
}

// mend notes that it can be read, as far as is known.
func (c *condition) mend() { c.failed, c.corrupt, c.stopped = nil, false, false }

// hold notes that it is out of range, and that somebody has to decide.
func (c *condition) hold(err error) { c.held = err }

// lose notes that its topic is gone, or may be.
func (c *condition) lose(err error) {
	c.mend()
	c.lost = err
}

// found notes that its topic is the same after all.
func (c *condition) found() { c.lost = nil }
