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

// Plan describes the calls of a history. The seed determines them, together with the answers.
type Plan struct {
	Seed           uint64
	Clients        int // client n uses target n modulo the number of targets
	CallsPerClient int
	Addresses      int
}

// Run makes the calls of the plan. The history has each call and answer with their times, measured
// by this process.
func (p Plan) Run(targets ...Target) (history []porcupine.Operation) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	start := time.Now()
	for n := range p.Clients {
		c := client{p, n, rand.New(rand.NewPCG(p.Seed, uint64(n))), map[myvault.Address]myvault.Version{}}
		target := targets[n%len(targets)]
		wait.Go(func() {
			for n := range p.CallsPerClient {
				call := c.draw(n)
				began := time.Since(start)
				answer := target.Do(call)
				ended := time.Since(start)
				if answer.Err == unknownOutcome {
					ended = math.MaxInt64
				}
				c.newest[call.Address] = max(c.newest[call.Address], answer.Version)
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

// client makes one call after the other.
type client struct {
	Plan
	number int
	random *rand.Rand
	newest map[myvault.Address]myvault.Version // the newest version in any answer
}

// draw returns a random call. About half of the calls read.
func (c *client) draw(n int) Call {
	call := Call{Address: myvault.Address{Project: "p", Path: fmt.Sprint("a", c.random.IntN(c.Addresses))}}
	newest := c.newest[call.Address]
	switch draw := c.random.IntN(100); {
	case draw < 40:
		call.Kind = Get
	case draw < 48:
		call.Kind, call.Version = Get, c.randomVersion(newest+1)
	case draw < 53:
		call.Kind = Versions
	case draw < 78:
		call.Kind, call.Value = Put, fmt.Sprintf("c%d-%d", c.number, n)
		c.condition(&call, newest, "", "", "absent", "present", "version", "version")
	case draw < 87:
		call.Kind = Delete
		c.condition(&call, newest, "", "", "present", "version")
	case draw < 97:
		call.Kind = Undelete
	default:
		call.Kind, call.Version = Destroy, c.randomVersion(newest)
	}
	if c.random.IntN(12) == 0 {
		call.Timeout = 1 << c.random.IntN(22) // nanoseconds
	}
	return call
}

func (c *client) condition(call *Call, newest myvault.Version, among ...string) {
	if call.If = among[c.random.IntN(len(among))]; call.If != "version" {
		return
	}
	if call.Version = newest; newest == 0 {
		call.Version = 1
	}
}

func (c *client) randomVersion(v myvault.Version) myvault.Version {
	return myvault.Version(c.random.Uint64N(uint64(v) + 1))
}
