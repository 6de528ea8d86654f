package guard

import "github.com/myswiftagent/myvault/httpapi/internal/semaphore"

// Limits of the memory of large requests. A body has up to 1 MiB, and its parts are copied
// a few times once it is complete. A page of values has up to 8 MiB.
const (
	bodiesAtOnce = 32 // large bodies that are being received
	largeAtOnce  = 16 // large requests that are being answered
)

// Bodies limits how many large request bodies are received at once. The handlers of this module
// that share g share it.
func (g *Guard) Bodies() *semaphore.Semaphore { return g.bodies }

// Large limits how many large requests are answered at once. The handlers of this module that
// share g share it.
func (g *Guard) Large() *semaphore.Semaphore { return g.large }
