package main

const (
	outboxRoom = "internal/outbox"
	followRoom = "internal/follow"
)

// receiptMutants import receipts, lose some, or let one bad import hide the others.
var receiptMutants = []mutant{
	{name: "receipts are imported", in: fetchRoom,
		old: "	if _, ok := r.Header(receipt.Header); ok {", new: "	if _, ok := r.Header(receipt.Header); ok && false {",
		by: "TestDecoder_tellsWhatBecomesOfEachRecord " + sessionRoom + ".TestSession_receiptsOfABridgeAreNeverImported"},
	{name: "a value that names a receipt is taken for one", in: fetchRoom,
		old: "	if _, ok := r.Header(receipt.Header); ok {", new: "	for _, v := range r.Headers() {\n		if string(v) == receipt.Header {\n			return receiptFound\n		}\n	}\n	if _, ok := r.Header(receipt.Header); ok {",
		by: "TestDecoder_tellsWhatBecomesOfEachRecord"},
	{name: "a receipt is an invalid record", in: recordRoom,
		old: "	case Receipt, Operator:\n", new: "	case Operator:\n",
		by: sessionRoom + ".TestSession_receiptsOfABridgeAreNeverImported internal/preflight.TestSample_whatBridgesWrote"},
	{name: "a receipt is not counted", in: sessionRoom,
		old: "		in.Metrics.Skipped.WithLabelValues(p.Topic, \"receipt\").Inc()\n", new: "",
		by: "TestSession_receiptsOfABridgeAreNeverImported"},
	{name: "receipts are not marked", in: outboxRoom,
		old: "Headers: headers}, more", new: "Headers: nil}, more",
		by: "TestOutbox_writesInOrder"},
	{name: "a receipt that fails at the end loses those behind it", in: outboxRoom,
		old: "		_, settled = o.write(last, o.due()) // whose time may not have come\n", new: "		_, settled = o.write(last, o.due())\n		if o.Failing() {\n			break\n		}\n",
		by: "TestOutbox_theEndGoesOnPastWhatFails"},
	{name: "the topic is blamed for a stop", in: outboxRoom,
		old: "	case failure != nil && !ended:\n", new: "	case failure != nil:\n",
		by: "TestOutbox_theEndTriesOnceMoreAndLogsTheRest"},
	{name: "a forbidden namespace speaks for the key", in: followRoom,
		old: "		answers := now.Sub(h.answered) < minDeniedRest && ", new: "		answers := false && ",
		by: "TestFollower_aForbiddenNamespaceStopsNoOther"},
	{name: "a key that could read may always", in: followRoom,
		old: "		answers := now.Sub(h.answered) < minDeniedRest && ", new: "		answers := !h.answered.IsZero() && ",
		by: "TestFollower_aKeyThatLosesItsRightIsTold"},
	{name: "a forbidden namespace is asked about all the time", in: followRoom,
		old: "		rest = max(rest, minDeniedRest)", new: "		rest = max(rest, 0)",
		by: "TestFollower_aForbiddenNamespaceStopsNoOther TestFollower_aKeyThatLosesItsRightIsTold"},
	{name: "a receipt without its end hides the one that has it", in: "internal/verify",
		old: "	case known.Status != \"\" && r.Status == \"\":", new: "	case false:",
		by: "TestTrace_saysWhatBecameOfARecord"},
	{name: "a dead letter would be dead-lettered again, says the check", in: "internal/scan",
		old: "	if out.Letter && out.Policy == record.DeadLetter {", new: "	if false {",
		by: "internal/preflight.TestSample_whatBridgesWrote"},
	{name: "a sample reads on when it has enough", in: "internal/preflight",
		old: "			if n == 0 {\n				return false\n			}\n", new: "",
		by: "TestSample_ofMorePartitionsThanRecords"},
}
