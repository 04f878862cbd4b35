package assignment

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

// condition is the state of a partition. Its methods are all of the transitions, and
// touch nothing else: an Assignment calls them, and makes the fetcher follow.
type condition struct {
	state   State
	pause   Pause // of a paused one; of a failed, held or lost one, what it has to wait for afterwards
	under   State // of a lost one: Opening, Reading or Held, should its topic prove to be the same
	stopped bool  // of a failed one: it is not asked for either, until it is mended
	corrupt bool  // of a failed one: the failure lies in what the log holds, and stays
	err     error // why it is failed, held or lost, or is not opened yet; nil for none
	why     error // of a lost one that is held beneath
}

// State returns the partition's state.
func (c *condition) State() State { return c.state }

// Err returns why the partition cannot be read, nil if it can.
func (c *condition) Err() error { return c.err }

// Corrupt reports whether the partition fails for what its log holds.
func (c *condition) Corrupt() bool { return c.state == Failed && c.corrupt }

// IsHeld reports whether the partition is out of range and waits for somebody to
// decide, also while its topic seems lost.
func (c *condition) IsHeld() bool { return c.state == Held || c.state == Lost && c.under == Held }

// reads reports whether the partition is to be asked for.
func (c *condition) reads() bool {
	return c.state == Reading || c.state == Failed && !c.stopped && c.pause == NoPause
}

// opened: its start is known.
func (c *condition) opened() {
	switch {
	case c.state == Opening:
		c.read()
	case c.state == Lost && c.under == Opening:
		c.under = Reading
	}
}

// wait: it is not to be read before what the reason says is free, or, without one, it
// waits for nothing any more.
func (c *condition) wait(reason Pause) {
	switch c.pause = reason; {
	case c.state == Reading && reason != NoPause:
		c.state = Paused
	case c.state == Paused && reason == NoPause:
		c.state = Reading
	}
}

// fail: it cannot be read, or be opened. What cannot be read is asked for again, unless
// stop says that something else has to mend it first.
func (c *condition) fail(err error, corrupt, stop bool) {
	switch c.state {
	case Held, Lost:
		return
	case Opening:
	case Reading, Paused, Failed:
		c.state, c.corrupt, c.stopped = Failed, corrupt, stop
	}
	c.err = err
}

// mend: it can be read, as far as is known.
func (c *condition) mend() {
	if c.state == Failed {
		c.read()
	}
}

// read is the end of what kept it from being read, but for a pause.
func (c *condition) read() {
	c.state, c.err, c.corrupt, c.stopped = Reading, nil, false, false
	if c.pause != NoPause {
		c.state = Paused
	}
}

// hold: it is out of range, and somebody has to decide.
func (c *condition) hold(err error) {
	if c.state == Lost {
		c.under, c.why = Held, err
		return
	}
	c.state, c.err, c.corrupt, c.stopped = Held, err, false, false
}

// lose: its topic is gone, or may be.
func (c *condition) lose(err error) {
	switch c.state {
	case Lost:
		return
	case Opening:
		c.under = Opening
	case Held:
		c.under, c.why = Held, c.err
	case Reading, Paused, Failed:
		c.under = Reading
	}
	c.state, c.err, c.corrupt, c.stopped = Lost, err, false, false
}

// found: its topic is the same after all.
func (c *condition) found() {
	if c.state != Lost {
		return
	}
	if c.under == Reading {
		c.read()
	} else {
		c.state, c.err = c.under, c.why
	}
	c.under, c.why = Opening, nil
}
