package serve

// priority orders connections by how little is lost when they are closed.
type priority int

const (
	keep           priority = iota
	shortWait               // a request that has just begun to wait, of a service with many connections
	betweenCalls            // an idle connection
	longWait                // a request that has waited for the grace
	silentStranger          // a stranger that has sent nothing within the grace, or whose network has many connections
	slowStranger            // a stranger that has sent a part of a request
)

// stranger reports whether the connection is a stranger's.
func (p priority) stranger() bool { return p >= silentStranger }

// candidate is a connection that may be closed, and its status when it was examined.
type candidate struct {
	*connection
	status   status
	priority priority
}

// evict returns the connection that a further one replaces: a stranger's, or else an
// authenticated one that does no work. So strangers do not displace callers that have a
// token. Among the candidates it is one of the owner with the most connections, so that a
// flood displaces itself. If there is none, retry reports whether a stranger still has time
// to send its request. The caller holds p.mu.
func (p *pool) evict() (victim *connection, retry bool) {
	for {
		best, young := p.search()
		if young && !best.priority.stranger() {
			return nil, true
		}
		// If the status has changed, the connection has been used since.
		if best.connection == nil || best.status == status(best.connection.status.Load()) {
			return best.connection, false
		}
	}
}

// search returns the best candidate. young reports whether a stranger still has time.
func (p *pool) search() (best candidate, young bool) {
	now, strangers := p.now(), 0
	for c := range p.open {
		if !c.authenticated() {
			strangers++
		}
	}
	for c := range p.open {
		s := status(c.status.Load())
		idleFor := now - s.began()
		crowded := c.owner.open > p.limit/ownerShare
		next := candidate{connection: c, status: s}
		switch state := s.state(); {
		case state == slow:
			next.priority = slowStranger
		// If all strangers are of one network, as behind a proxy, a flood looks like the rest.
		case state == silent && (idleFor >= p.grace || crowded && c.owner.open < strangers):
			next.priority = silentStranger
		case state == silent:
			young = true
		case state == waiting && idleFor >= grace:
			next.priority = longWait
		case state == idle:
			next.priority = betweenCalls
		case state == waiting && crowded:
			next.priority = shortWait
		}
		if next.before(best) {
			best = next
		}
	}
	return best, young
}

// before reports whether to close a rather than b: strangers first, then by the number of
// connections of the owner, then the one that has waited longest.
func (a candidate) before(b candidate) bool {
	switch {
	case a.priority == keep || b.connection == nil:
		return a.priority != keep
	case a.priority.stranger() != b.priority.stranger():
		return a.priority.stranger()
	case a.owner.open != b.owner.open:
		return a.owner.open > b.owner.open
	case a.priority != b.priority:
		return a.priority > b.priority
	}
	return a.status.began() < b.status.began()
}
