package imports

import (
	"context"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/importer"
)

// Dispatch starts attempts while there are slots and namespaces that want one. With the
// slots that are left it asks for URLs ahead.
func (a *Attempts) Dispatch(now time.Time) {
	if a.Mode == assignment.Fenced || a.filing.receiptsFull() {
		return
	}
	for next := a.Pacer.Next(now); next != nil; next = a.Pacer.Next(now) {
		n := WorkOf(next)
		switch u := n.startable(); {
		case u != nil:
			a.startUpload(n, u, now)
		case a.Mode == assignment.Running:
			a.startProbe(n)
		default:
			continue // a drain waits for nothing that it cannot store
		}
		a.Pacer.Changed(n.Namespace, now)
	}
	for next := a.Pacer.NextPreparing(now); next != nil; next = a.Pacer.NextPreparing(now) {
		n := WorkOf(next)
		a.prepare(n, n.preparable())
	}
}

// startUpload makes one attempt in a goroutine that ends with its result.
func (a *Attempts) startUpload(n *Namespace, u *Upload, now time.Time) {
	if u.Import == nil {
		if u.Import = n.probe; u.Import != nil {
			n.probe = nil
			u.Import.SetBody(u.Batch.Body(), u.Batch.Bytes)
		} else {
			u.Import = a.NewImport(n.Name, u.Batch.Body(), u.Batch.Bytes)
		}
	}
	if u.began.IsZero() {
		u.began = now
	}
	u.Call = Attempting
	if u.Fate == FateUnproven {
		u.Fate = FateUnasked // this attempt may store it
	}
	a.attempt(n, u, u.Import.Attempt)
}

// startProbe asks the API for an upload URL for a namespace whose lines have
// left memory. Probes that fail one after the other are one import's, whose backoff
// grows.
func (a *Attempts) startProbe(n *Namespace) {
	probe := n.probe
	if n.probe = nil; probe == nil {
		probe = a.NewImport(n.Name, nil, 0)
	}
	a.send(a.Probes, probe.Create, result{namespace: n, probe: probe, troubled: a.Pacer.Began(n.Namespace)})
}

func (a *Attempts) attempt(n *Namespace, u *Upload, call call) {
	a.send(a.Ctx, call, result{namespace: n, upload: u, troubled: a.Pacer.Began(n.Namespace)})
}

// call is one of the calls of an Import.
type call = func(ctx context.Context, guard func() error) importer.Outcome

// send makes the call in a goroutine that ends with its result.
func (a *Attempts) send(ctx context.Context, call call, r result) {
	guard, results := a.Member.Lease.Check, a.Results
	a.Tasks.Go(func() {
		r.began = time.Now()
		r.outcome = call(ctx, guard)
		results <- r
	})
}

// While a batch uploads, the URL of the namespace's next one is asked for, so that
// uploads of one namespace follow each other without a round trip to the API
// between. It is asked only of a namespace whose imports are stored, for a batch
// that is sealed, and so will be uploaded or given up, and only with a slot that
// nobody waits for. Asked for beside the first call of all, it might come to an API
// that has just asked for quiet. The order stays: nothing of the next batch is sent
// before the one in front of it is done.

// Preparable reports whether a URL could be asked for ahead.
func (n *Namespace) Preparable() bool { return n.preparable() != nil }

// preparable returns the batch whose URL could be asked for ahead, nil if there is none:
// the first one that waits behind those that upload, if nobody has asked for it yet.
func (n *Namespace) preparable() *Upload {
	if !n.stores || n.TooSlow {
		return nil
	}
	for _, u := range n.Uploads {
		switch {
		case u.Call == Preparing, u.Call == NoCall && u.Import != nil:
			return nil
		case u.Call == NoCall:
			return u
		}
	}
	return nil
}

// prepare asks for a batch's URL in a goroutine that ends with its result.
func (a *Attempts) prepare(n *Namespace, u *Upload) {
	u.Import = a.NewImport(n.Name, u.Batch.Body(), u.Batch.Bytes)
	u.Call = Preparing
	a.Pacer.BeganPreparing()
	a.send(a.Ctx, u.Import.Prepare, result{namespace: n, upload: u})
}
