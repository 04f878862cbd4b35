package main

// discoveryOutageMutants mistake an outage for something else, or ask for more than decides.
var discoveryOutageMutants = []mutant{
	{name: "a new reason is not sent", in: discoveryRoom,
		old: "told[tp] != problem.Error() {", new: "told[tp] == \"\" {",
		by: "TestStarts_report"},
	{name: "each try starts a new group at another time", in: discoveryRoom,
		old: "	s.since = s.Reset.Since(time.Now()) // one for all partitions, whatever their leaders take\n	for len(todo) > 0 {", new: "	for len(todo) > 0 {\n		s.since = s.Reset.Since(time.Now())",
		by: "TestStarts_byTimeAfterAnOutage"},
	{name: "leaders are asked for a time in vain", in: discoveryRoom,
		old: "	if fresh {\n		query.Since = s.since\n	}", new: "	query.Since = s.since",
		by: "TestStarts_asksNoMoreThanItNeeds"},
	{name: "other topics are asked for without need", in: discoveryRoom,
		old: "	if err != nil || !s.Reset.Skips() || !s.fresh(offsets) {", new: "	if err != nil || !s.Reset.Skips() {",
		by: "TestStarts_asksNoMoreThanItNeeds"},
	{name: "what a group has committed is asked for where nothing is left out", in: discoveryRoom,
		old: "	if err != nil || !s.Reset.Skips() || !s.fresh(offsets) {", new: "	if err != nil || !s.fresh(offsets) {",
		by: "TestStarts_asksNoMoreThanItNeeds"},
	{name: "a rest never becomes short again", in: discoveryRoom,
		old: "		if len(todo) < before {\n			rest = backoff\n		}\n", new: "		_ = before\n",
		by: "TestStarts_whatComesBackIsNotWaitedFor"},
	{name: "a denied topic counts as one without a leader", in: discoveryRoom,
		old: "	if err == nil && len(todo) > len(problems) {", new: "	if err == nil && len(todo) > 0 {",
		by: "TestStarts_aDeniedTopicHasALeader"},
	{name: "a topic that is denied for a while ends the generation", in: discoveryRoom,
		old: "	sub.Assume(&w.Subscription)\n", new: "",
		by: "TestWatch_aDeniedTopicEndsNothing"},
}
