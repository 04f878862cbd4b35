// Package e2e runs the built bridge as a process, configured by its environment
// alone, between a real Apache Kafka and an import API and store that check
// every request (package sandbox). Package truth judges: nothing lost, nothing
// twice, the bytes, the order, the bounds, and each committed offset.
//
// A test makes a world, produces into it, starts and stops bridges, and ends
// with judge. Tests run in parallel on one broker; those that harm it start one
// of their own.
//
//	go test ./test/e2e -run TestHappyPath -v
//
// # Which test shows what
//
// Group and Kafka:
//
//	rebalance while a PUT runs              TestRebalance_whileAPutRuns, TestMembers_joinAndLeaveUnderLoad
//	drain beyond the session timeout        TestDrain_longerThanTheSessionTimeout
//	drain beyond the rebalance timeout      TestDrain_longerThanTheRebalanceTimeout
//	leaders move, brokers die               TestLeader_moves, TestBroker_killedAndRestarted, TestBroker_frozen
//	unclean elections                       TestTruncation_byAnUncleanElection
//	another program in the group            TestGroup_strangerIsToldAndWaitedFor
//	offset out of the log                   TestOffsetReset_*
//	topics appear, grow, match, come anew   TestTopics_*, TestRecreatedTopic_isReadFromItsStart
//	damaged batches                         TestCorruptBatch_*
//	codecs                                  TestEveryCodec
//	transactions, compaction                TestTransactions_*, TestCompaction_holes
//	authentication, TLS, permissions        TestSecurity_*, TestPermissions_eachIsToldAndHeals
//	offsets moved by an operator            TestOperator_*
//	a commit that is too large              TestCommit_isLargerThanItsTopicTakes
//
// Records:
//
//	valid and odd, invalid, namespaces, ids TestRecords_*, TestBounds_lineThatJustFits
//	tombstones                              TestTombstones_areSkipped, TestDeadLetters
//	held records and their release          TestHold_*
//	dead letters, and their return          TestDeadLetters*, TestRedrive_importsDeadLettersOnceMended
//
// Import API and store:
//
//	429 and Retry-After                     TestAnswers_retryAfter
//	5xx, resets, expired URLs               TestImportFaults_loseAndRepeatNothing
//	malformed answers, redirects            TestAnswers_malformed, TestAnswers_redirectsAreNotFollowed
//	refused key, rotated                    TestCredentials_keyFileIsRotated
//	refused namespaces                      TestRefusedNamespace*, TestDeadLetters_ofARefusedBatch
//	a thousand namespaces behind            TestThousandNamespaces_behindAtOnce
//	own headers, bounds, proxy and roots    TestSettings_*
//	what becomes of imports                 TestImports_*
//
// The process:
//
//	SIGTERM in a PUT, backoff, join; twice  TestTerminate_*
//	kill -9 at each moment of a batch       TestKill_*
//	SIGSTOP beyond the session timeout      TestZombie_storesNothing
//	rolling and graceful restarts           TestRollingRestart_ofThreeReplicas, TestGracefulRestart_underLoad
//	rolling restarts, returns after a kill  TestStaticMembers_*
//	of static members; twins                TestInstanceID_theOlderTwinEnds
//
// TEST_BRIDGE_BINARY names a binary to judge instead of building cmd/bridge. A
// failed test shows the end of the bridges' logs; -artifacts keeps them whole.
package e2e
