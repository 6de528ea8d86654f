package providertest

import (
	"bytes"
	"slices"

	"github.com/myswiftagent/myvault"
)

func (s *scenario) heads() []myvault.Head {
	heads, err := s.p.(myvault.Auditor).Heads(s.ctx)
	s.noError("heads", err)
	return heads
}

func (s *scenario) head(chain string) myvault.Head {
	heads := s.heads()
	i := slices.IndexFunc(heads, func(h myvault.Head) bool { return h.Chain == chain })
	if i < 0 {
		s.failf("heads: the chain %q is missing", chain)
	}
	return heads[i]
}

// chain returns the entries of one chain, newest first.
func (s *scenario) chain(name string) []myvault.Entry {
	return slices.DeleteFunc(s.entries(myvault.TrailFilter{}), func(e myvault.Entry) bool { return e.Chain != name })
}

func auditorClause(name, promise string, run func(*scenario)) Clause {
	return clause(name, promise, run, Trail, Auditor)
}

// bothChains writes three entries to each chain and runs f for each.
func (s *scenario) bothChains(f func(chain string)) {
	for i := range 3 {
		s.do(put("newsbot/a", "again"))
		s.record(accessEntry("read", "newsbot/a", i))
	}
	f(myvault.ChainChanges)
	f(myvault.ChainAccess)
}

var auditorClauses = []Clause{
	trailClause("auditor/mac-present", "Entries have a MAC if, and only if, the trail is an Auditor.", func(s *scenario) {
		_, isAuditor := s.p.(myvault.Auditor)
		s.bothChains(func(chain string) {
			for _, e := range s.chain(chain) {
				wantEqual(s, "the entry has a MAC", len(e.MAC) > 0, isAuditor)
			}
		})
	}),
	auditorClause("auditor/mac", "Every MAC has at least 16 bytes, and no two are equal.", func(s *scenario) {
		seen := map[string]bool{}
		s.bothChains(func(chain string) {
			for _, e := range s.chain(chain) {
				wantEqual(s, "the MAC has at least 16 bytes", len(e.MAC) >= 16, true)
				wantEqual(s, "MAC used before", seen[string(e.MAC)], false)
				seen[string(e.MAC)] = true
			}
		})
	}),
	auditorClause("auditor/linked", "Each entry contains the MAC of the previous one in its chain.", func(s *scenario) {
		s.bothChains(func(chain string) {
			all := s.chain(chain)
			for i := range len(all) - 1 {
				wantEqual(s, "the MAC before equals Prev in "+chain, bytes.Equal(all[i].Prev, all[i+1].MAC), true)
			}
		})
	}),
	auditorClause("auditor/heads", "Heads returns the newest entry of each chain.", func(s *scenario) {
		s.bothChains(func(chain string) {
			newest, head := wantLen(s, "entries", s.chain(chain), 3)[0], s.head(chain)
			wantEqual(s, "sequence of the head of "+chain, head.Seq, newest.Seq)
			wantEqual(s, "head has the MAC of the newest in "+chain, bytes.Equal(head.MAC, newest.MAC), true)
			wantTime(s, "time of the head of "+chain, head.At, newest.At)
		})
	}),
	auditorClause("auditor/empty", "The head of an empty chain has sequence 0.", func(s *scenario) {
		wantEqual(s, "sequence", s.head(myvault.ChainChanges).Seq, 0)
		wantEqual(s, "sequence", s.head(myvault.ChainAccess).Seq, 0)
	}),
	auditorClause("auditor/refused", "A refused change does not change the head.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		before := s.head(myvault.ChainChanges)
		s.wantRefused(myvault.ErrExists, put("newsbot/a", "2", myvault.IfAbsent()))
		after := s.head(myvault.ChainChanges)
		wantEqual(s, "sequence", after.Seq, before.Seq)
		wantEqual(s, "the MAC is unchanged", bytes.Equal(after.MAC, before.MAC), true)
	}),
}
