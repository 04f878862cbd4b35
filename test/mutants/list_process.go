package main

const processRoom = "internal/consumer/process"

// processMutants give memory away that is awaited, or time that is needed.
var processMutants = []mutant{
	{name: "batches make no room for an answer that waits", in: processRoom,
		old: "max(fetched.Used(), fetched.Wanted(), own) +", new: "max(fetched.Used(), own) +",
		by: "TestMemory_batchesMakeRoomForReading"},
	{name: "batches make no room for record batches that wait", in: processRoom,
		old: "max(inflated.Used(), inflated.Wanted(), own) +", new: "max(inflated.Used(), own) +",
		by: "TestMemory_batchesMakeRoomForReading"},
	{name: "the reserve of reading is lent to batches", in: processRoom,
		old: "max(fetched.Used(), fetched.Wanted(), own) +", new: "max(fetched.Used(), fetched.Wanted()) +",
		by: "TestMemory_batchesMakeRoomForReading"},
	{name: "decoded values have no memory", in: processRoom,
		old: "	if cfg.Schemas != nil {\n		decoded = ", new: "	if cfg.Schemas == nil {\n		decoded = ",
		by: "TestMemory_batchesMakeRoomForReading"},
	{name: "receipts have no memory", in: processRoom,
		old: "	if receipts != nil {\n", new: "	if receipts == nil {\n",
		by: "TestMemory_batchesMakeRoomForReading"},
	{name: "a call may take a third of any session", in: processRoom,
		old: "	return min(10*time.Second, max(c.SessionTimeout/3, time.Second))", new: "	return max(c.SessionTimeout/3, time.Second)",
		by: "TestConfig_patience"},
	{name: "a call of a short session has no time", in: processRoom,
		old: "	return min(10*time.Second, max(c.SessionTimeout/3, time.Second))", new: "	return min(10*time.Second, c.SessionTimeout/3)",
		by: "TestConfig_patience"},
	{name: "a drain may take all of the rebalance timeout", in: processRoom,
		old: "	return max(c.RebalanceTimeout-c.CallTimeout(), c.RebalanceTimeout/2)", new: "	return c.RebalanceTimeout",
		by: "TestConfig_patience"},
	{name: "a short rebalance leaves a drain no time", in: processRoom,
		old: "	return max(c.RebalanceTimeout-c.CallTimeout(), c.RebalanceTimeout/2)", new: "	return c.RebalanceTimeout-c.CallTimeout()",
		by: "TestConfig_patience"},
}
