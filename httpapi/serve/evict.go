package serve

import (
	"container/list"
	"net"
	"time"

	"github.com/myswiftagent/myvault/httpapi/internal/network"
)

// placesShare is what the places are divided by for one holder: beyond its part there is no grace
// for it while others want in.
const placesShare = 4

// holder is who has connections: a network address has those of strangers, a service has its own.
type holder struct {
	key  holderKey
	open int
}

// holderKey is the name of a holder of some kind; the zero one is nobody's.
type holderKey struct{ kind, name string }

// hold gives c to a holder, and takes it from the one before. all.mu is held.
func (c *Conn) hold(key holderKey) {
	a := c.all
	if c.holder != nil {
		if c.holder.open--; c.holder.open == 0 {
			delete(a.holders, c.holder.key)
		}
		c.holder = nil
	}
	if key == (holderKey{}) {
		return
	}
	if a.holders == nil {
		a.holders = make(map[holderKey]*holder)
	}
	if a.holders[key] == nil {
		a.holders[key] = &holder{key: key}
	}
	c.holder = a.holders[key]
	c.holder.open++
}

// networkOf gives the network of a connection's other end, "" where it has no address.
func networkOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return network.Of(tcp.AddrPort().Addr())
	}
	return ""
}

// victim gives whose place a further connection gets: that of a caller who never proved who it is, else
// of a proven one whose request waits, or that has none. So strangers push out each other, and not
// those who have a token. Among them it is one of the holder with the most connections, so that a flood
// pushes out itself. Where it is nil there is no place; soon says that a stranger had no time yet to say
// anything. a.mu is held.
func (a *connections) victim() (victim *Conn, soon bool) {
	anyone := func(*Conn) bool { return true }
	crowding := func(c *Conn) bool { return time.Since(c.since) >= a.grace || a.crowds(c.holder) }
	victim = oldest(nil, &a.trickling, anyone)
	victim = oldest(victim, &a.strangers, crowding)
	if victim != nil || a.strangers.Len() > 0 {
		return victim, victim == nil
	}
	for { // until it is one that has not begun to work meanwhile
		victim, seen := a.resting()
		if victim == nil || victim.turn.CompareAndSwap(int64(seen), int64(gone)) {
			return victim, false
		}
	}
}

// resting gives the proven connection that may go, and its turn when it was looked at. a.mu is held.
func (a *connections) resting() (found *Conn, seen turn) {
	now := turn(a.now())
	slow := func(_ *Conn, t turn) bool { return now-t >= turn(grace) }
	anyone := func(*Conn, turn) bool { return true }
	many := func(c *Conn, _ turn) bool { return c.holder.open > a.limit/placesShare }
	for _, kind := range []struct {
		does turn
		may  func(*Conn, turn) bool
	}{{waiting, slow}, {idle, anyone}, {waiting, many}} {
		if c, t := a.longest(kind.does, kind.may); c != nil && (found == nil || c.holder.open > found.holder.open) {
			found, seen = c, t
		}
	}
	return found, seen
}

// longest gives, of the proven connections that do this and may go, one of the holder with the most, and of those the one that
// has waited the longest, and its turn; nil where there is none.
func (a *connections) longest(does turn, may func(*Conn, turn) bool) (found *Conn, seen turn) {
	for e := a.proven.Front(); e != nil; e = e.Next() {
		c := e.Value.(*Conn)
		t := turn(c.turn.Load())
		if t&activity != does || !may(c, t) {
			continue
		}
		if found == nil || c.holder.open > found.holder.open || c.holder.open == found.holder.open && t < seen {
			found, seen = c, t
		}
	}
	return found, seen
}

// crowds reports whether an address has more than its share of the places with strangers, and there are
// others. With all of one address, as behind a proxy, nobody could tell the flood from the rest.
func (a *connections) crowds(h *holder) bool {
	return h.open > a.limit/placesShare && h.open < a.trickling.Len()+a.strangers.Len()
}

// oldest gives the first one of a list that may go, where its holder has more connections than the
// holder of found, which may be nil.
func oldest(found *Conn, in *list.List, may func(*Conn) bool) *Conn {
	for e := in.Front(); e != nil; e = e.Next() {
		c := e.Value.(*Conn)
		if (found == nil || c.holder.open > found.holder.open) && may(c) {
			found = c
		}
	}
	return found
}
