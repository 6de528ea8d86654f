package wal

import (
	"testing"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// TestACheckpointThatIsAskedForTwiceEnds asks for a second checkpoint during the first, and stops.
func TestACheckpointThatIsAskedForTwiceEnds(t *testing.T) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{}, 2)
	k := startCheckpointer(&db.Conn{Broken: true}, func() (*db.Conn, error) {
		begun <- struct{}{}
		<-goOn
		return nil, errNothing
	}, &Writer{}, nil)
	k.pages = db.CheckpointPages
	k.afterCommit(nil)
	<-begun
	k.pages += retryAfter
	k.afterCommit(nil)
	goOn <- struct{}{}
	goOn <- struct{}{}
	k.stop() // it hung
}
