package sim

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Brokers that are upgraded while a bridge runs begin to name the topics' ids, and some
// of them before the others. Nothing is read or sent again for it, neither then nor after
// a restart, and nor where they are put back to what they were.
func TestUpgrade_ofBrokersThatBeginToNameIDs(t *testing.T) {
	s := defaultSettings()
	s.batchAge = time.Second
	scenario(t, s, 2, 0, func(w *world) {
		var old atomic.Pointer[kversion.Versions] // what the next connection is offered; nil: all there is
		var mixed atomic.Bool                     // every other connection
		var asked atomic.Int32
		w.cluster.ControlKey(kmsg.ApiVersions.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			w.cluster.KeepControl()
			v := old.Load()
			if n := asked.Add(1); v == nil || mixed.Load() && n%4 < 2 { // a connection asks twice
				return nil, nil, false
			}
			res := q.ResponseKind().(*kmsg.ApiVersionsResponse)
			v.EachMaxKeyVersion(func(key, highest int16) {
				res.ApiKeys = append(res.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: highest})
			})
			return res, nil, true
		})
		step := func(name string, change func()) {
			change()
			for _, end := range []func(){
				w.slot(0).kafka.heal, // each connection begins anew
				func() { w.restart(nil) },
			} {
				end()
				time.Sleep(2 * s.refresh)
				w.emit("t0", 0, 100, named(name, 1, 10)...)
				w.emit("t0", 1, 100, named(name, 1, 10)...)
				w.wants(10*time.Second, name+" is stored", func() bool { return w.stored(name) })
			}
		}
		old.Store(kversion.V2_7_0())
		w.startSlot(0)
		step("a", func() {})
		step("b", func() { mixed.Store(true) })
		step("c", func() { old.Store(nil) })
		step("d", func() { old.Store(kversion.V2_7_0()); mixed.Store(false) })
	})
}
