package wal

import (
	"testing"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// TestACheckpointThatIsAskedForTwiceEnds asks for a second checkpoint during the first, and stops.
func TestACheckpointThatIsAskedForTwiceEnds(t *testing.T) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{}, 2)
	k := StartCheckpointer(&db.Conn{Broken: true}, func() (*db.Conn, error) {
		begun <- struct{}{}
		<-goOn
		return nil, ErrNothing
	}, &Writer{}, nil)
	k.Pages = db.CheckpointPages
	k.AfterCommit(nil)
	<-begun
	k.Pages += RetryAfter
	k.AfterCommit(nil)
	goOn <- struct{}{}
	goOn <- struct{}{}
	k.Stop() // it hung
}
