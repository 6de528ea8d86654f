package transfer

import (
	"sync"
	"time"
)

// Phase is a part of a [Copy]. Each phase visits every secret.
type Phase string

// The phases, in order. A dry run has only the first. A run whose target is already equal has no
// Copying.
const (
	Surveying Phase = "survey"
	Copying   Phase = "copy"
	Verifying Phase = "verify"
)

// Progress is the state of a phase. It names no secret.
type Progress struct {
	Phase Phase
	// Done is the number of secrets the phase has finished. Versions is the number of versions
	// it has read or, while copying, written.
	Done, Versions int
	// Addresses and AllVersions are the totals of the source, 0 until the survey has ended.
	Addresses, AllVersions int
	Elapsed                time.Duration // since the phase started
	Ended                  bool          // the phase has ended
}

// Rate returns the versions read or written per second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Versions) / p.Elapsed.Seconds()
}

// progressEvery is the shortest time between two reports.
const progressEvery = 100 * time.Millisecond

// progress counts and calls Options.Progress.
type progress struct {
	report func(Progress)

	mu       sync.Mutex // held while report runs
	now      Progress
	started  time.Time
	reported time.Time
}

func newProgress(report func(Progress)) *progress {
	if report == nil {
		report = func(Progress) {}
	}
	return &progress{report: report}
}

func (p *progress) begin(phase Phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = Progress{Phase: phase, Addresses: p.now.Addresses, AllVersions: p.now.AllVersions}
	p.started = time.Now()
	p.reported = p.started
}

// expect sets the totals of the later phases.
func (p *progress) expect(addresses, versions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Addresses, p.now.AllVersions = addresses, versions
}

func (p *progress) version() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Versions++
	p.maybeReport()
}

func (p *progress) address() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done++
	p.maybeReport()
}

// maybeReport reports unless it did so less than progressEvery ago.
func (p *progress) maybeReport() {
	if now := time.Now(); now.Sub(p.reported) >= progressEvery {
		p.reported = now
		p.now.Elapsed = now.Sub(p.started)
		p.report(p.now)
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Elapsed, p.now.Ended = time.Since(p.started), true
	p.report(p.now)
}

// written returns the number of versions written so far.
func (p *progress) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now.Versions
}
