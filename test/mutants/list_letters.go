package main

const (
	commitsRoom   = "internal/consumer/assignment"
	lettersRoom   = "internal/consumer/letters"
	discoveryRoom = "internal/consumer/discovery"
)

// lettersMutants let dead letters fill the memory.
var lettersMutants = []mutant{
	{name: "letters wait without number", in: lettersRoom,
		old: "	return q.Pending()+count <= most && q.budget", new: "	return q.budget",
		by: "TestQueue_bounds"},
	{name: "letters wait beyond their share of the budget", in: lettersRoom,
		old: "	return q.Pending()+count <= most && q.budget.Fits(budget.Letters, bytes)", new: "	return q.Pending()+count <= most",
		by: "TestQueue_bounds"},
}

// commitsMutants send commits too often, or forget the doubt about them.
var commitsMutants = []mutant{
	{name: "two commits are in flight", in: commitsRoom,
		old: "return !s.inFlight && !s.notBefore", new: "return !s.notBefore",
		by: "TestSchedule_paces"},
	{name: "large commits follow as fast as small ones", in: commitsRoom,
		old: "max(interval, time.Second", new: "min(interval, time.Second",
		by: "TestSchedule_paces"},
	{name: "a refusal leaves the size of metadata as it is", in: commitsRoom,
		old: "	l.size, l.until = min(l.size, refused)/2,", new: "	l.size, l.until = min(l.size, refused),",
		by: "TestLimit"},
	{name: "each offer of more metadata comes as soon as the first", in: commitsRoom,
		old: "		l.rest *= 2 // it was too early\n", new: "		_ = l.rest\n",
		by: "TestLimit"},
	{name: "more metadata than the broker took at first is offered", in: commitsRoom,
		old: "	l.size, l.widened, l.until = min(l.most, max(2*l.size, least)),", new: "	l.size, l.widened, l.until = max(2*l.size, least),",
		by: "TestLimit_isNeverPassed"},
	{name: "a denied topic is tried at the same pace for ever", in: commitsRoom,
		old: "	d.rest = min(max(2*d.rest, deniedRetry), maxDeniedRetry)\n", new: "	d.rest = deniedRetry\n",
		by: "TestDenial"},
	{name: "the doubt lasts from its first commit on", in: commitsRoom,
		old: "		s.unsure, s.unsureAt = true, now", new: "		if !s.unsure {\n			s.unsureAt = now\n		}\n		s.unsure = true",
		by: "TestSchedule_doubt"},
	{name: "a doubt wakes nobody", in: commitsRoom,
		old: "	case s.unsure:\n		return s.restateAt\n", new: "",
		by: "TestSchedule_doubt"},
	{name: "half of what is written now is kept of a smaller refusal", in: commitsRoom,
		old: "min(l.size, refused)/2", new: "l.size/2",
		by: "TestLimit_ofTheRefused"},
	{name: "a late refusal gives more room", in: commitsRoom,
		old: "min(l.size, refused)/2", new: "refused/2",
		by: "TestLimit_ofTheRefused"},
}

// discoveryMutants start where a group has not been, or believe what is not theirs.
var discoveryMutants = []mutant{
	{name: "a recollection is used over another member's commit", in: discoveryRoom,
		old: " || group != known.Acked && !slices.Contains(known.Sent, group) || ", new: " || ",
		by: "TestRecollections_Recall"},
	{name: "a commit that was never answered is taken for another member's", in: discoveryRoom,
		old: "group != known.Acked && !slices.Contains(known.Sent, group)", new: "group != known.Acked",
		by: "TestRecollections_Recall"},
	{name: "a recollection is used for a topic that was created anew", in: discoveryRoom,
		old: "	if !ok || known.TopicID.Differs(id) || group", new: "	if !ok || group",
		by: "TestRecollections_Recall"},
	{name: "recollections have no bound", in: discoveryRoom,
		old: "		delete(r, tp)\n		forgotten++\n", new: "		forgotten++\n",
		by: "TestRecollections_Bound internal/consumer/assignment.TestRecollection_manyPartitionsStayBounded"},
	{name: "the latest recollections are forgotten first", in: discoveryRoom,
		old: "cmp.Compare(r[a].Session, r[b].Session)", new: "cmp.Compare(r[b].Session, r[a].Session)",
		by: "TestRecollections_Bound internal/consumer/assignment.TestRecollection_manyPartitionsStayBounded"},
	{name: "a process that knows of commits takes the group for new", in: discoveryRoom,
		old: "	if s.Known {\n		return false\n	}\n", new: "",
		by: "TestStarts_whichGroupIsNew internal/consumer/session.TestSession_aGroupWhoseOffsetsAreGoneIsNotNew"},
	{name: "a topic that the watch may not describe ends the generation", in: discoveryRoom,
		old: "	sub.Assume(&w.Subscription)\n", new: "",
		by: "internal/consumer/session.TestWatch_aTopicThatIsRefusedHidesNothingOfTheOthers"},
	{name: "a change is believed at once", in: discoveryRoom,
		old: "	if sleep.For(ctx, 250*time.Millisecond) != nil {\n		return false\n	}\n	again, md := w.ask(ctx)\n	return md != nil && first.ChangeTo(&again) == kafka.Unchanged\n", new: "	return true\n",
		by: "internal/consumer/session.TestWatch_aChangeIsAskedAboutAgain"},
}
