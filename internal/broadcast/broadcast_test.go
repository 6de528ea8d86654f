package broadcast_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/broadcast"
)

func Example() {
	var changes broadcast.Broadcast
	changed := changes.Wait()
	changes.Notify()
	<-changed
	fmt.Println("changed")
	// Output: changed
}

func TestNotifyWakesAll(t *testing.T) {
	var b broadcast.Broadcast
	b.Notify() // nobody waits
	var all sync.WaitGroup
	for range 100 {
		changed := b.Wait()
		all.Go(func() { <-changed })
	}
	b.Notify()
	all.Wait()
}

func TestWaitIsForTheNextNotify(t *testing.T) {
	is := is.New(t)
	var b broadcast.Broadcast
	b.Notify()
	select {
	case <-b.Wait():
		is.Fail() // an earlier Notify woke it
	default:
	}
}
