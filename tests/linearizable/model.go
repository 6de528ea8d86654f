// Package linearizable checks that providers are linearizable: that the answers to concurrent calls
// could come from calls that take effect one at a time, in an order that agrees with the clock. See
// https://dl.acm.org/doi/10.1145/78969.78972. It is a separate module, which keeps the checker out
// of the module graph of programs that embed the vault.
package linearizable

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/myswiftagent/myvault"
)

// Kind is the kind of a call.
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
	Version myvault.Version // for Get, Destroy and If "version"; 0 is the current one, or all
	If      string          // the condition of Put and Delete: "", "absent", "present" or "version"
	Value   string          // for Put, whose author has the same name
	Timeout time.Duration   // 0: none
}

// Answer is the result of a call.
type Answer struct {
	Err     string // "" for success, or the text of an error of Provider, or one of those below
	Version myvault.Version
	State   myvault.State
	Value   string   // for Get
	By      string   // the author of the version
	History []Record // for Versions, the oldest first; the values are the authors
}

// Values of Answer.Err besides the errors of Provider.
const (
	unknownOutcome = "unknown outcome" // the call may have taken effect
	noEffect       = "no effect"       // the call timed out, or the store was unavailable
)

// Record is one version in the model. Version n is the n-th of an address.
type Record struct {
	Value string
	State myvault.State
}

// Model is the specification of one address, from the doc comments of Provider.
var Model = porcupine.Model{
	Partition:         byAddress,
	Init:              func() any { return []Record(nil) },
	Step:              func(state, in, out any) (bool, any) { return step(state.([]Record), in.(Call), out.(Answer)) },
	Equal:             func(a, b any) bool { return slices.Equal(a.([]Record), b.([]Record)) },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

func byAddress(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	index := map[myvault.Address]int{}
	for _, o := range history {
		addr := o.Input.(Call).Address
		i, known := index[addr]
		if !known {
			i = len(parts)
			index[addr] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}

// step reports whether the answer is correct in state, and returns the next state. A call with
// unknown outcome never ends, so the checker may also order it after all other calls, as if it had
// not taken effect.
func step(state []Record, c Call, a Answer) (bool, []Record) {
	if a.Err == noEffect {
		return true, state
	}
	next, want := apply(state, c)
	if a.Err == unknownOutcome {
		return true, next
	}
	return a.matches(want), next
}

func (a Answer) matches(b Answer) bool {
	return a.Err == b.Err && a.Version == b.Version && a.State == b.State && a.Value == b.Value && a.By == b.By &&
		slices.Equal(a.History, b.History)
}

// apply returns the state after a call, and the correct answer.
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
		return setState(state, myvault.Deleted, myvault.Version(len(state)))
	case Undelete:
		switch head(state).State {
		case 0:
			return state, failed(myvault.ErrNotFound)
		case myvault.Live:
			return state, failed(myvault.ErrConflict)
		case myvault.Destroyed:
			return state, failed(myvault.ErrDestroyed)
		}
		return setState(state, myvault.Live, myvault.Version(len(state)))
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
		return setState(state, myvault.Destroyed, n)
	}
	next := slices.Clone(state)
	for i := range next {
		next[i].State = myvault.Destroyed
	}
	return next, Answer{Version: myvault.Version(len(next)), State: myvault.Destroyed, By: next[len(next)-1].Value}
}

// setState changes the state of version n.
func setState(state []Record, as myvault.State, n myvault.Version) ([]Record, Answer) {
	next := slices.Clone(state)
	next[n-1].State = as
	return next, Answer{Version: n, State: as, By: next[n-1].Value}
}

// head returns the Info that conditions check.
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

// answerErrors are the errors that the model returns.
var answerErrors = []error{myvault.ErrNotFound, myvault.ErrExists, myvault.ErrConflict, myvault.ErrDestroyed}

func failed(err error) Answer {
	for _, e := range answerErrors {
		if errors.Is(err, e) {
			return Answer{Err: e.Error()}
		}
	}
	return Answer{Err: err.Error()}
}
