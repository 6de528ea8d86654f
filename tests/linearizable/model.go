// Package linearizable asks whether what concurrent callers of a provider were answered
// could have been answered by one that does everything at once, in some order that agrees
// with the clock: https://dl.acm.org/doi/10.1145/78969.78972. It is a module of its own, so
// that the checker does not reach the module graph of those who embed the vault.
package linearizable

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/myswiftagent/myvault"
)

// Kind is what a call asks for.
type Kind string

// The kinds of call.
const (
	Get      Kind = "get"
	Versions Kind = "versions"
	Put      Kind = "put"
	Delete   Kind = "delete"
	Undelete Kind = "undelete"
	Destroy  Kind = "destroy"
)

// Call is one call of a provider, about one address.
type Call struct {
	Kind    Kind
	Address myvault.Address
	Version myvault.Version // of a get, a destroy, and of IfVersion; 0: the current one, or all
	If      string          // "", "absent", "present" or "version": of a put or delete
	Value   string          // of a put; its author bears the same name
	Leave   time.Duration   // when the caller leaves, if the answer is not there; 0: never
}

// Answer is what came of a call.
type Answer struct {
	Err     string // "" for success; else which of the errors that a caller can tell apart
	Version myvault.Version
	State   myvault.State
	Value   string   // of a get
	By      string   // the author of the version
	History []Record // of versions, the oldest first; the values are their authors
}

// What an answer may say beside the errors of the provider's contract.
const (
	unknown = "unknown" // nobody knows whether it was done
	nothing = "nothing" // the caller left, or the store did not answer: nothing was done
)

// Record is one version in the model. Version n is the n-th of an address.
type Record struct {
	Value string
	State myvault.State
}

// Model is one address at a time, as the doc comments of Provider describe it.
var Model = porcupine.Model{
	Partition:         byAddress,
	Init:              func() any { return []Record(nil) },
	Step:              func(state, in, out any) (bool, any) { return step(state.([]Record), in.(Call), out.(Answer)) },
	Equal:             func(a, b any) bool { return slices.Equal(a.([]Record), b.([]Record)) },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

func byAddress(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	place := map[myvault.Address]int{}
	for _, o := range history {
		addr := o.Input.(Call).Address
		i, known := place[addr]
		if !known {
			i = len(parts)
			place[addr] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}

// step tells whether the answer is the right one in that state, and the state after it. A
// call of unknown outcome lasts for ever, so it may take its place behind all others, where
// it changes nothing that anybody saw.
func step(state []Record, c Call, a Answer) (bool, []Record) {
	if a.Err == nothing {
		return true, state
	}
	next, want := apply(state, c)
	if a.Err == unknown {
		return true, next
	}
	return a.equal(want), next
}

func (a Answer) equal(b Answer) bool {
	return a.Err == b.Err && a.Version == b.Version && a.State == b.State && a.Value == b.Value && a.By == b.By &&
		slices.Equal(a.History, b.History)
}

// apply gives the state after a call, and its answer.
func apply(state []Record, c Call) ([]Record, Answer) {
	switch c.Kind {
	case Get:
		return state, read(state, c.Version)
	case Versions:
		if len(state) == 0 {
			return state, failed(myvault.ErrNotFound)
		}
		return state, Answer{History: state}
	case Put:
		return put(state, c)
	case Delete:
		if err := condition(c).Check(head(state)); err != nil {
			return state, failed(err)
		}
		if head(state).State != myvault.Live {
			return state, failed(myvault.ErrNotFound)
		}
		return marked(state, myvault.Deleted, myvault.Version(len(state)))
	case Undelete:
		switch head(state).State {
		case 0:
			return state, failed(myvault.ErrNotFound)
		case myvault.Live:
			return state, failed(myvault.ErrConflict)
		case myvault.Destroyed:
			return state, failed(myvault.ErrDestroyed)
		}
		return marked(state, myvault.Live, myvault.Version(len(state)))
	}
	return destroy(state, c.Version)
}

func read(state []Record, n myvault.Version) Answer {
	current, now := myvault.Version(len(state)), head(state).State
	if n > current || now == myvault.Deleted {
		return failed(myvault.ErrNotFound)
	}
	if n != 0 && state[n-1].State == myvault.Destroyed {
		return failed(myvault.ErrDestroyed)
	}
	if n == 0 {
		n = current
	}
	if now != myvault.Live || state[n-1].State != myvault.Live {
		return failed(myvault.ErrNotFound)
	}
	return Answer{Version: n, State: myvault.Live, Value: state[n-1].Value, By: state[n-1].Value}
}

func put(state []Record, c Call) ([]Record, Answer) {
	if err := condition(c).Check(head(state)); err != nil {
		return state, failed(err)
	}
	next := append(slices.Clip(state), Record{c.Value, myvault.Live})
	return next, Answer{Version: myvault.Version(len(next)), State: myvault.Live, By: c.Value}
}

func destroy(state []Record, n myvault.Version) ([]Record, Answer) {
	switch current := myvault.Version(len(state)); {
	case current == 0, n > current:
		return state, failed(myvault.ErrNotFound)
	case n != 0:
		return marked(state, myvault.Destroyed, n)
	}
	next := slices.Clone(state)
	for i := range next {
		next[i].State = myvault.Destroyed
	}
	return next, Answer{Version: myvault.Version(len(next)), State: myvault.Destroyed, By: next[len(next)-1].Value}
}

// marked gives the state with one version in another one.
func marked(state []Record, as myvault.State, n myvault.Version) ([]Record, Answer) {
	next := slices.Clone(state)
	next[n-1].State = as
	return next, Answer{Version: n, State: as, By: next[n-1].Value}
}

// head is what conditions look at.
func head(state []Record) myvault.Info {
	if len(state) == 0 {
		return myvault.Info{}
	}
	return myvault.Info{Version: myvault.Version(len(state)), State: state[len(state)-1].State}
}

func condition(c Call) myvault.Condition {
	switch c.If {
	case "absent":
		return myvault.IfAbsent()
	case "present":
		return myvault.IfPresent()
	case "version":
		return myvault.IfVersion(c.Version)
	}
	return myvault.Condition{}
}

// told are the errors that are a part of the answer.
var told = []error{myvault.ErrNotFound, myvault.ErrExists, myvault.ErrConflict, myvault.ErrDestroyed}

func failed(err error) Answer {
	for _, e := range told {
		if errors.Is(err, e) {
			return Answer{Err: e.Error()}
		}
	}
	return Answer{Err: err.Error()}
}
