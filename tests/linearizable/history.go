package linearizable

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/myswiftagent/myvault"
)

// Plan is the size of a history. The same plan on the same targets asks the same.
type Plan struct {
	Seed      uint64
	Clients   int // client n speaks to target n modulo the number of targets
	Each      int // calls of one client
	Addresses int
}

// Run makes the calls of the plan and gives what was asked, answered, and when, by the one
// clock of this process.
func (p Plan) Run(targets ...Target) (history []porcupine.Operation) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	start := time.Now()
	for n := range p.Clients {
		c := client{p, n, rand.New(rand.NewPCG(p.Seed, uint64(n))), map[myvault.Address]myvault.Version{}}
		target := targets[n%len(targets)]
		wait.Go(func() {
			for n := range p.Each {
				call := c.next(n)
				began := time.Since(start)
				answer := target.Do(call)
				ended := time.Since(start)
				if answer.Err == unknown {
					ended = math.MaxInt64
				}
				c.seen[call.Address] = max(c.seen[call.Address], answer.Version)
				mu.Lock()
				history = append(history, porcupine.Operation{
					ClientId: c.number, Input: call, Call: int64(began), Output: answer, Return: int64(ended),
				})
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return history
}

// client is one caller, who makes one call after the other.
type client struct {
	Plan
	number int
	random *rand.Rand
	seen   map[myvault.Address]myvault.Version // the newest it was told of
}

// next draws a call: about half of them read.
func (c *client) next(n int) Call {
	call := Call{Address: myvault.Address{Project: "p", Path: fmt.Sprint("a", c.random.IntN(c.Addresses))}}
	seen := c.seen[call.Address]
	switch draw := c.random.IntN(100); {
	case draw < 40:
		call.Kind = Get
	case draw < 48:
		call.Kind, call.Version = Get, c.upTo(seen+1)
	case draw < 53:
		call.Kind = Versions
	case draw < 78:
		call.Kind, call.Value = Put, fmt.Sprintf("c%d-%d", c.number, n)
		c.condition(&call, seen, "", "", "absent", "present", "version", "version")
	case draw < 87:
		call.Kind = Delete
		c.condition(&call, seen, "", "", "present", "version")
	case draw < 97:
		call.Kind = Undelete
	default:
		call.Kind, call.Version = Destroy, c.upTo(seen)
	}
	if c.random.IntN(12) == 0 {
		call.Leave = 1 << c.random.IntN(22) // nanoseconds
	}
	return call
}

func (c *client) condition(call *Call, seen myvault.Version, among ...string) {
	if call.If = among[c.random.IntN(len(among))]; call.If != "version" {
		return
	}
	if call.Version = seen; seen == 0 {
		call.Version = 1
	}
}

func (c *client) upTo(v myvault.Version) myvault.Version {
	return myvault.Version(c.random.Uint64N(uint64(v) + 1))
}
