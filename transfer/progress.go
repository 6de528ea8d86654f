package transfer

import (
	"sync"
	"time"
)

// Phase is a part of a [Copy]: each goes through all secrets.
type Phase string

// The phases, in their order. A dry run has only the first, and so a second run on a target
// that is equal already has no PhaseCopy.
const (
	Surveying Phase = "survey"
	Copying   Phase = "copy"
	Verifying Phase = "verify"
)

// Progress tells how far a phase is. It names no secret.
type Progress struct {
	Phase Phase
	// Done is how many secrets the phase has dealt with, and Versions how many versions it
	// read, or wrote where it writes.
	Done, Versions int
	// Addresses and AllVersions are how many the source has; 0 before the survey has ended.
	Addresses, AllVersions int
	Elapsed                time.Duration // since the phase began
	Ended                  bool          // the phase has
}

// Rate is how many versions the phase read or wrote per second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Versions) / p.Elapsed.Seconds()
}

// progressEvery is how often progress is told at most.
const progressEvery = 100 * time.Millisecond

// progress counts, and tells it to the caller's function.
type progress struct {
	tell func(Progress)

	mu    sync.Mutex // held while tell runs
	now   Progress
	began time.Time
	told  time.Time
}

func newProgress(tell func(Progress)) *progress {
	if tell == nil {
		tell = func(Progress) {}
	}
	return &progress{tell: tell}
}

func (p *progress) begin(phase Phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = Progress{Phase: phase, Addresses: p.now.Addresses, AllVersions: p.now.AllVersions}
	p.began = time.Now()
	p.told = p.began
}

// expect says how much there is to do in the phases that follow.
func (p *progress) expect(addresses, versions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Addresses, p.now.AllVersions = addresses, versions
}

func (p *progress) version() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Versions++
	p.maybe()
}

func (p *progress) address() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done++
	p.maybe()
}

// maybe tells how far it is, if that was not told just now.
func (p *progress) maybe() {
	if now := time.Now(); now.Sub(p.told) >= progressEvery {
		p.told = now
		p.now.Elapsed = now.Sub(p.began)
		p.tell(p.now)
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Elapsed, p.now.Ended = time.Since(p.began), true
	p.tell(p.now)
}

// written is how many versions the phase has written so far.
func (p *progress) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now.Versions
}
