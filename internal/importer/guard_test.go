package importer

import (
	"errors"
	"fmt"
	"testing"
)

// TestClient_guardIsAskedBeforeEachCall loses the lease before the POST, or
// between it and the PUT: a call that nobody may make is not begun.
func TestClient_guardIsAskedBeforeEachCall(t *testing.T) {
	for granted, want := range []struct{ posts, puts int }{{0, 0}, {1, 0}} {
		t.Run(fmt.Sprintf("granted %d times", granted), func(t *testing.T) {
			l := newLab(t)
			c := l.client()
			i, _ := newImport(c, 100)
			asked, lost := 0, errors.New("lease lost")
			out := l.checked(i.Attempt(t.Context(), func() error {
				if asked++; asked > granted {
					return lost
				}
				return nil
			}))
			if out.Class != Cancelled || !errors.Is(out.Err, lost) {
				t.Errorf("outcome %+v", out)
			}
			if posts, puts := l.postCount(), len(l.putPaths()); posts != want.posts || puts != want.puts {
				t.Errorf("%d POSTs and %d PUTs begin, want %d and %d", posts, puts, want.posts, want.puts)
			}
			if i.url.sent {
				t.Error("a PUT counts as begun")
			}
		})
	}
}
