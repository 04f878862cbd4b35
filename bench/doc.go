// Command bench measures the bridge as its users run it: the built binary reads
// from a real Kafka and PUTs to an import API and store in this process.
//
//	make bench        the bridge alone, one scenario
//	make bench-peers  the bridge and its peers in all scenarios, into bench/RESULTS.md
//
// ARGS passes flags, which win over those that make sets:
//
//	make bench ARGS='-scenarios none,zstd -size 2GiB -record 300 -runs 3'
//	make bench ARGS='-data records.jsonl -field customer.name -size 1GiB'
//	make bench ARGS='-against other/bridge -runs 5'
//	make bench-peers ARGS='-runs 3'
//	make bench ARGS=-list
//	make bench ARGS=-help
//
// The peers are Bento, a general-purpose pipeline (peers/bento, a module of its
// own, with bench.yaml), and a straight-line program on franz-go that does the
// least that could be called the job, and promises nothing (peers/straightline).
// "Bento by text" (text.yaml) searches each record's text instead of parsing its
// JSON; that is not the same job and only shows what parsing costs.
//
// "Straight line, in order" keeps one PUT per namespace under way, as the bridge does,
// so that a namespace's lines are stored in order; what waits has no bound. It takes part
// where the store decides how fast that can be.
//
// # What is measured
//
// Each scenario has a topic that is filled once and read once before the first run;
// each run reads all of it in a consumer group of its own. Subjects are interleaved
// within a scenario. A codec scenario takes -size bytes of records, 1 GiB; the others
// take half of that, the one of small records an eighth. The store counts and
// checksums each line. A run in which a line is missing, too many or altered in any
// namespace fails, so that nobody is fast by losing or repeating something.
//
//   - MB/s: all bytes stored, newlines included, in 10^6, by the time the work
//     took: from the first byte that the process read of Kafka to the last one,
//     and after that for as long as a PUT was under way or the process used its
//     CPU, pauses of less than a tenth of a second between that included. So neither joining the group nor waiting at the end for the age bound
//     counts (see busyTime)
//   - seconds: from the start of the process to the last line, which counts both
//   - CPU s/GB: user and system time of the process, of all its life until the
//     last line, per 10^9 bytes. Other programs disturb it less than MB/s, but
//     still do: they take turns in the caches
//   - peak RSS: the kernel's high-water mark of the process (VmHWM)
//   - CPU ms per PUT: the same time by the number of imports
//   - p50, p99 of live traffic: from the time in a record, which it got when the
//     producer took it, until the store answers the PUT that brought it. The
//     producer sends at a fixed rate; the first two seconds do not count
//
// A ratio is the median of the runs' own ratios: runs of one number follow each
// other, so that a disturbance hits both.
//
// Broker, store and subject share the machine, so compare subjects of one run of
// this program only, and on a quiet machine: RESULTS.md warns where it was not.
//
// # A network
//
// The scenario tls uses TLS between the subject and the brokers (with a certificate of
// the client), the API and the store. In those of the family wan a proxy lies before API
// and store: what either side sends arrives 20 ms later, and a new connection costs a round trip
// of 40 ms. Its bandwidth is not bounded, and the brokers are near. The registry of the
// scenario avro, and both ends of the proxy, are in this process.
//
// # What stays behind
//
// Nothing: processes and the broker's folder go at the end and at an interrupt.
// The log of a run that failed stays, and is named. A topic lives as long as its
// scenario. The disk needs three times -size.
//
// # Without a real Kafka
//
// Where java or mvn is missing an in-process Kafka (kfake) takes its place, with a
// note: its CPU time is then part of this process, and its figures are no claim.
package main
