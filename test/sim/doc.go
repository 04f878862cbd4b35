// Package sim plays the whole bridge against an in-process Kafka and the
// sandbox's import API, in virtual time: the consumer and the importer are the
// real code, only the network is virtual. A seed draws the settings, the
// records and a schedule of faults; one to three members live through it while
// every commit and every stored object is held against what was produced.
//
//	schedule --> processes (consumer + importer) --link--> kfake
//	                                             --link--> sandbox API
//	commits seen at the broker, objects at the store --> truth --> faults found
//
// A failing seed prints its schedule and is played again with
//
//	go test ./test/sim -run TestSim -seed=N -v
//
// The schedule, the settings and the records of a seed are always the same. The
// interleaving of goroutines within one instant of virtual time is the Go
// scheduler's and, like the order of maps, differs from run to run; -count=20
// plays a seed with other interleavings.
//
// # What is drawn
//
// Group and Kafka: rebalances during PUTs and drains of every length, members
// that join, leave, stop, are killed (at random, and at each moment of a batch:
// asked for a URL, PUT begun, stored, commit sent, lost, applied) and frozen;
// commits of old generations, late, lost, answered an error for all or for one
// partition, metadata too large; connections cut, networks partitioned;
// coordinators and leaders that move; errors of every group call; records
// removed by retention and by compaction; topics created anew, grown, created
// late, deleted for good, denied for a while, named by a list or by an expression; a new group that starts at a time,
// with older records to leave out; batches with a bad CRC or an unknown
// codec; every codec; records larger than a line may be; transactions, aborted,
// committed and long open; offsets that expire; settings that change between
// restarts.
//
// Records: no JSON, no id, tombstones, fan-out, also to 40 namespaces, some 200
// namespaces, odd timestamps. Dead letters that the topic refuses, all or single ones.
// API and store: 429 with Retry-After in both forms and in nonsense, 408, 5xx, also for
// bodies that were kept, resets before, in and after the body, slow and endless answers,
// expired, short-lived and doomed URLs, bad upload URLs, redirects, 401, namespaces
// refused for good, and questions about uploads answered late or in nonsense.
//
// TestSim_strangeAnswers adds to some of these seeds what else the API, the store and
// the brokers may answer: hints whether and when to try again, the store's error codes,
// a proxy's pages, and errors of single partitions and of the coordinator (strange_test.go).
//
// # What is wanted
//
// Nothing is lost, needlessly repeated, altered, out of order or committed too early, and
// no line becomes a dead letter that nobody has refused.
// And liveness: each fault says which lines it touches, and for how long (touched_test.go).
// A line that nothing touches is stored within ten seconds of its batch's age, a touched
// one within as much of the end of what touched it and the backoffs that follow; the same
// goes for dead letters, and for commits (lateness_test.go).
//
// # What is told
//
// Whenever something happens every process is asked for its status, and holds no more
// than its budget. When nothing is owed any more, what it tells of each partition is
// compared with what is true: who has it, what is committed, where the log ends, the
// lag, and what holds it.
//
// # What is left to others
//
// To test/e2e on a real Kafka: brokers that die or freeze, offsets beyond the
// end after truncation, authentication, TLS and permissions, fast return by
// BRIDGE_INSTANCE_ID (kfake writes the port into a member's host), signals and
// exit codes, a process whose clocks stop too, metadata limits of the broker.
// To the packages: every kind of bad record, batches that inflate without end,
// 100,000 namespaces, the wall clock, headers and bodies over a real socket.
//
// Tests only. Everything of one run happens inside one testing/synctest bubble.
package sim
