package main

const sessionRoom = "internal/consumer/session"

// sessionMutants lose, repeat or forget what several rooms have to do together.
var sessionMutants = []mutant{
	{name: "a chunk behind the mark is taken", in: sessionRoom,
		old: "		if mark == nil || n.Resting() || mark.First < c.Start {", new: "		if mark == nil || n.Resting() {",
		by: "TestSession_aChunkBehindTheMarkIsNotTaken"},
	{name: "a mark passes what the chunk has not covered", in: sessionRoom,
		old: "	if mark == nil || n.Resting() || mark.First < c.Start || c.Next <= mark.First {", new: "	if mark == nil || n.Resting() || c.Next <= mark.First {",
		by: "TestSession_aChunkBehindTheMarkIsNotTaken"},
	{name: "marks stay after a truncation", in: sessionRoom,
		old: "	for n := range s.namespaces() {\n		s.unmark(n, p)\n	}\n", new: "",
		by: "TestSession_aTruncationTakesTheMarksAlong"},
	{name: "a position stays below the log start", in: sessionRoom,
		old: "		p.ledger.Advance(at.Offset)\n", new: "",
		by: "TestSession_thePositionPassesWhatWasRemoved"},
	{name: "a drain without a coordinator ends at its deadline", in: sessionRoom,
		old: "	if !now.Before(s.drain.deadline) && !s.orphaned() {", new: "	if !now.Before(s.drain.deadline) {",
		by: "TestSession_aDrainWithoutACoordinatorGoesOn"},
	{name: "a stop waits for what a policy holds", in: sessionRoom,
		old: "		if len(n.uploads) == n.lettered || n.IsHeld() || n.tooSlow {", new: "		if len(n.uploads) == n.lettered || n.tooSlow {",
		by: "TestSession_aStopWaitsForNothingThatIsHeld"},
	{name: "a piece's bytes are left out of the estimate", in: sessionRoom,
		old: "		cost += lines + batches*pieceBytes\n", new: "		cost += lines + 0*batches\n",
		by: "TestSession_theEstimateHoldsThePieces"},
	{name: "dead letters are written without the lease", in: sessionRoom,
		old: " || s.mode == fenced || s.member.Lease.Check() != nil {", new: " || s.mode == fenced {",
		by: "TestSession_noDeadLetterWithoutTheLease"},
	{name: "lines of a dropping namespace are added", in: sessionRoom,
		old: "		if n != nil && (n.Dropping() || n.shed[p] != nil) {", new: "		if n != nil && n.shed[p] != nil {",
		by: "TestSession_model"},
	{name: "a line that is done is added again", in: sessionRoom,
		old: "		if p.ledger.Done(name, l.Offset) {\n			done++\n			continue\n		}\n", new: "",
		by: "TestSession_model TestSession_whatOvertookAFailingBatchIsNotSentAgain"},
}
