package serve_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
)

// TestWhoWaitsAnewIsNotWhoWaited: a connection that was looked at when it had waited for long has answered since.
func TestWhoWaitsAnewIsNotWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		is.True(!serve.WaitsTwice(func() { time.Sleep(time.Millisecond) }))
	})
}
