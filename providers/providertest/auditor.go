package providertest

import (
	"bytes"
	"slices"

	"github.com/myswiftagent/myvault"
)

func (s *stage) heads() []myvault.Head {
	heads, err := s.p.(myvault.Auditor).Heads(s.ctx)
	s.succeeds("heads", err)
	return heads
}

func (s *stage) head(chain string) myvault.Head {
	heads := s.heads()
	i := slices.IndexFunc(heads, func(h myvault.Head) bool { return h.Chain == chain })
	if i < 0 {
		s.failf("heads: there is none of the chain %q", chain)
	}
	return heads[i]
}

// chain gives the entries of one chain, newest first.
func (s *stage) chain(name string) []myvault.Entry {
	return slices.DeleteFunc(s.entries(myvault.TrailFilter{}), func(e myvault.Entry) bool { return e.Chain != name })
}

func audited(name, promise string, play func(*stage)) Clause {
	return clause(name, promise, play, Trail, Auditor)
}

// bothChains writes three entries to each chain and runs f for each.
func (s *stage) bothChains(f func(chain string)) {
	for i := range 3 {
		s.do(put("newsbot/a", "again"))
		s.record(accessEntry("read", "newsbot/a", i))
	}
	f(myvault.ChainChanges)
	f(myvault.ChainAccess)
}

var auditorClauses = []Clause{
	onTrail("auditor/or-not", "Entries have a MAC where the trail is an Auditor, and only there.", func(s *stage) {
		_, isAuditor := s.p.(myvault.Auditor)
		s.bothChains(func(chain string) {
			for _, e := range s.chain(chain) {
				same(s, "the entry has a MAC", len(e.MAC) > 0, isAuditor)
			}
		})
	}),
	audited("auditor/mac", "Every MAC has 16 bytes at least, and no two are equal.", func(s *stage) {
		seen := map[string]bool{}
		s.bothChains(func(chain string) {
			for _, e := range s.chain(chain) {
				same(s, "bytes of a MAC over 15", len(e.MAC) > 15, true)
				same(s, "MAC used before", seen[string(e.MAC)], false)
				seen[string(e.MAC)] = true
			}
		})
	}),
	audited("auditor/linked", "Each entry names the MAC of the one before it in its chain.", func(s *stage) {
		s.bothChains(func(chain string) {
			all := s.chain(chain)
			for i := range len(all) - 1 {
				same(s, "the MAC before equals Prev in "+chain, bytes.Equal(all[i].Prev, all[i+1].MAC), true)
			}
		})
	}),
	audited("auditor/heads", "Heads names the newest entry of each chain.", func(s *stage) {
		s.bothChains(func(chain string) {
			newest, head := counted(s, "entries", s.chain(chain), 3)[0], s.head(chain)
			same(s, "sequence of the head of "+chain, head.Seq, newest.Seq)
			same(s, "head has the MAC of the newest in "+chain, bytes.Equal(head.MAC, newest.MAC), true)
			sameTime(s, "time of the head of "+chain, head.At, newest.At)
		})
	}),
	audited("auditor/empty", "The head of an empty chain has sequence 0.", func(s *stage) {
		same(s, "sequence", s.head(myvault.ChainChanges).Seq, 0)
		same(s, "sequence", s.head(myvault.ChainAccess).Seq, 0)
	}),
	audited("auditor/refused", "A refused change leaves the head of its chain.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		before := s.head(myvault.ChainChanges)
		s.refuses(myvault.ErrExists, put("newsbot/a", "2", myvault.IfAbsent()))
		after := s.head(myvault.ChainChanges)
		same(s, "sequence", after.Seq, before.Seq)
		same(s, "the MAC is unchanged", bytes.Equal(after.MAC, before.MAC), true)
	}),
}
