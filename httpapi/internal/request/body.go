package request

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/myswiftagent/myvault/httpapi/internal/semaphore"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// LargeBody is how many bytes are read of any body without a limit on requests.
const LargeBody = 64 << 10

var (
	// ErrTooLarge is returned for a body over its limit.
	ErrTooLarge = errors.New("body too large")
	// ErrEnded is returned for a body that the client did not finish.
	ErrEnded = errors.New("body ended early")
)

// BodyLimits are the limits of [Body].
type BodyLimits struct {
	Max     int64                // in bytes
	Bodies  *semaphore.Semaphore // of large bodies
	Service string               // of the caller
}

// Body reads the body up to its limit. It enters the room of large bodies only once so much
// has arrived.
func Body(ctx context.Context, w http.ResponseWriter, r *http.Request, limits BodyLimits) ([]byte, error) {
	if r.ContentLength > limits.Max {
		return nil, ErrTooLarge
	}
	conn := serve.ConnOf(r.Context())
	conn.Wait()
	defer conn.Resume()
	var body bytes.Buffer
	limited := http.MaxBytesReader(w, r.Body, limits.Max)
	_, err := io.CopyN(&body, limited, LargeBody+1)
	if err == nil { // there is more
		if err := limits.Bodies.Acquire(ctx, limits.Service); err != nil {
			return nil, err
		}
		defer limits.Bodies.Release(limits.Service)
		if rest := r.ContentLength - int64(body.Len()); rest > 0 {
			body.Grow(int(rest) + bytes.MinRead) // in one allocation
		}
		_, err = io.Copy(&body, limited)
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, ErrTooLarge
	}
	if err != nil && err != io.EOF {
		return nil, ErrEnded
	}
	return body.Bytes(), nil
}
