//go:build !unix

package hashivault

// wired: there is no way here to ask whether a connection is silent, so all goes over net/http's.
const wired = false

func (w *wire) silent() bool { return false }
