package providertest

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// three puts versions 1, 2 and 3 of newsbot/prod/db.
func (s *stage) three() {
	s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), put("newsbot/prod/db", "three"))
}

var destroyClauses = []Clause{
	clause("destroy/current", "If the current version is destroyed, it is ErrDestroyed by its number, and the current one and live older ones are ErrNotFound.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 3))
		for n := range myvault.Version(3) {
			s.hides(myvault.ErrNotFound, "newsbot/prod/db", n)
		}
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 3)
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 4)
		s.history("newsbot/prod/db", "3 destroyed", "2 live", "1 live")
	}),
	clause("destroy/older", "A destroyed older version of a live address is ErrDestroyed.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 2))
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 2)
		s.history("newsbot/prod/db", "3 live", "2 destroyed", "1 live")
	}),
	clause("destroy/others-stay", "Versions not named stay readable.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 2))
		s.reads("newsbot/prod/db", 0, "three")
		s.reads("newsbot/prod/db", 1, "one")
		s.reads("newsbot/prod/db", 3, "three")
	}),
	clause("destroy/several", "All versions named are destroyed.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 1, 2))
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 1)
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 2)
		s.reads("newsbot/prod/db", 0, "three")
	}),
	clause("destroy/all", "Naming no version destroys all.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db"))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
		for n := range myvault.Version(3) {
			s.hides(myvault.ErrDestroyed, "newsbot/prod/db", n+1)
		}
		s.history("newsbot/prod/db", "3 destroyed", "2 destroyed", "1 destroyed")
	}),
	clause("destroy/answer", "Destroy answers with the version it destroyed, with the time and author of its Put.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		made := s.do(put("newsbot/prod/db", "two"))
		s.do(put("newsbot/prod/db", "three"))
		got := s.do(destroy("newsbot/prod/db", 2))
		same(s, "address", got.Address, at("newsbot/prod/db"))
		same(s, "version", got.Version, 2)
		same(s, "state", got.State, myvault.Destroyed)
		sameTime(s, "time", got.At, made.At)
		same(s, "author", got.By, made.By)
	}),
	clause("destroy/answer-newest", "Destroy of several versions answers with the newest of them.", func(s *stage) {
		s.three()
		got := s.do(destroy("newsbot/prod/db", 1, 2))
		same(s, "version", got.Version, 2)
		same(s, "state", got.State, myvault.Destroyed)
		got = s.do(destroy("newsbot/prod/db"))
		same(s, "version of all", got.Version, 3)
		same(s, "state of all", got.State, myvault.Destroyed)
	}),
	clause("destroy/never-made", "Destroy of an address that never had a version is ErrNotFound.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, destroy("newsbot/prod/db"))
		s.refuses(myvault.ErrNotFound, destroy("newsbot/prod/db", 1))
	}),
	clause("destroy/version-never-made", "Destroy that names a version never made is ErrNotFound and destroys none.", func(s *stage) {
		s.three()
		s.refuses(myvault.ErrNotFound, destroy("newsbot/prod/db", 1, 2, 4))
		s.reads("newsbot/prod/db", 1, "one")
		s.reads("newsbot/prod/db", 2, "two")
		s.history("newsbot/prod/db", "3 live", "2 live", "1 live")
	}),
	clause("destroy/version-zero", "Destroy that names version 0, which is never made, is ErrNotFound.", func(s *stage) {
		s.three()
		s.refuses(myvault.ErrNotFound, destroy("newsbot/prod/db", 0))
		s.refuses(myvault.ErrNotFound, destroy("newsbot/prod/db", 1, 0))
		s.history("newsbot/prod/db", "3 live", "2 live", "1 live")
	}),
	clause("destroy/repeated", "Destroying a version again succeeds.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 1), destroy("newsbot/prod/db", 1), destroy("newsbot/prod/db", 1, 2, 1))
		s.history("newsbot/prod/db", "3 live", "2 destroyed", "1 destroyed")
		s.do(destroy("newsbot/prod/db"), destroy("newsbot/prod/db"))
		s.history("newsbot/prod/db", "3 destroyed", "2 destroyed", "1 destroyed")
	}),
	clause("destroy/deleted", "A deleted version can be destroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), destroy("newsbot/prod/db", 1))
		s.history("newsbot/prod/db", "1 destroyed")
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("destroy/below-deleted", "Destroying an older version of a deleted address leaves the mark, and Undelete works.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"), destroy("newsbot/prod/db", 1))
		s.history("newsbot/prod/db", "2 deleted", "1 destroyed")
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 1)
		s.do(undelete("newsbot/prod/db"))
		s.reads("newsbot/prod/db", 0, "two")
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 1)
	}),
	clause("destroy/past-mark", "A version that was deleted, followed by a Put, then destroyed, is ErrDestroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db", 1))
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 1)
		s.history("newsbot/prod/db", "2 live", "1 destroyed")
	}),
	clause("destroy/then-put", "After a Put the destroyed version is ErrDestroyed and older ones are readable again.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db", 2), put("newsbot/prod/db", "three"))
		s.reads("newsbot/prod/db", 0, "three")
		s.reads("newsbot/prod/db", 1, "one")
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 2)
	}),
	clause("destroy/uses-no-number", "Destroy uses no version number.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 1), destroy("newsbot/prod/db", 3))
		same(s, "version after it", s.do(put("newsbot/prod/db", "four")).Version, 4)
	}),
	clause("destroy/neighbours", "Destroy leaves what is above, below and beside the address.", func(s *stage) {
		s.do(put("newsbot/prod", "above"), put("newsbot/prod/db", "it"), put("newsbot/prod/db/key", "below"),
			put("common/prod/db", "elsewhere"), destroy("newsbot/prod/db"))
		s.reads("newsbot/prod", 0, "above")
		s.reads("newsbot/prod/db/key", 0, "below")
		s.reads("common/prod/db", 0, "elsewhere")
	}),
	clause("destroy/not-listed", "A secret whose current version is destroyed is not listed as live.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/b", "one"), destroy("newsbot/a"))
		s.lists(myvault.ListOptions{}, "newsbot/b")
	}),
}

var versionsClauses = []Clause{
	clause("versions/never-made", "Versions of an address that never had one yields ErrNotFound, once.", func(s *stage) {
		err := onlyError(s, "versions", s.p.Versions(s.ctx, at("newsbot/prod/db"), 0))
		s.fails("versions", err, myvault.ErrNotFound)
	}),
	clause("versions/newest-first", "Versions come newest first.", func(s *stage) {
		s.three()
		s.history("newsbot/prod/db", "3 live", "2 live", "1 live")
	}),
	clause("versions/states", "Versions tells the state of each, in the live, the deleted and the destroyed address.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 1), remove("newsbot/prod/db"))
		s.history("newsbot/prod/db", "3 deleted", "2 live", "1 destroyed")
		s.do(put("newsbot/prod/db", "four"))
		s.history("newsbot/prod/db", "4 live", "3 deleted", "2 live", "1 destroyed")
		s.do(destroy("newsbot/prod/db", 4))
		s.history("newsbot/prod/db", "4 destroyed", "3 deleted", "2 live", "1 destroyed")
	}),
	clause("versions/info", "Versions carries address, time and author of each Put.", func(s *stage) {
		first, second := s.do(put("newsbot/prod/db", "one")), s.do(put("newsbot/prod/db", "two"))
		got := counted(s, "versions", s.versions("newsbot/prod/db"), 2)
		for i, want := range []myvault.Info{second, first} {
			same(s, "address", got[i].Address, want.Address)
			sameTime(s, "time", got[i].At, want.At)
			same(s, "author", got[i].By, want.By)
		}
	}),
	clause("versions/before", "Versions yields what is older than the version given, which need not exist.", func(s *stage) {
		s.three()
		for before, want := range [][]string{{"3", "2", "1"}, {}, {"1"}, {"2", "1"}, {"3", "2", "1"}, {"3", "2", "1"}} {
			var got []string
			for _, info := range collect(s, "versions", s.p.Versions(s.ctx, at("newsbot/prod/db"), myvault.Version(before))) {
				got = append(got, fmt.Sprint(info.Version))
			}
			sameList(s, fmt.Sprintf("versions before %d", before), got, want)
		}
		err := onlyError(s, "versions", s.p.Versions(s.ctx, at("newsbot/prod/key"), 2))
		s.fails("versions before 2 of nothing", err, myvault.ErrNotFound)
	}),
	clause("versions/before-states", "Versions yields the same for a version, wherever it begins.", func(s *stage) {
		s.three()
		s.do(remove("newsbot/prod/db"), put("newsbot/prod/db", "four"), destroy("newsbot/prod/db", 2, 4))
		want := []string{"3 deleted", "2 destroyed", "1 live"}
		for i := range want {
			var got []string
			for _, info := range collect(s, "versions", s.p.Versions(s.ctx, at("newsbot/prod/db"), myvault.Version(4-i))) {
				got = append(got, fmt.Sprint(info.Version, " ", info.State))
			}
			sameList(s, fmt.Sprintf("versions before %d", 4-i), got, want[i:])
		}
	}),
	clause("versions/own", "Versions of one address has none of another.", func(s *stage) {
		s.do(put("newsbot/prod", "above"), put("newsbot/prod/db", "one"), put("newsbot/prod/db/key", "below"), put("common/prod/db", "other"))
		s.history("newsbot/prod/db", "1 live")
	}),
	clause("versions/many", "Versions yields every version of a long history, newest first.", func(s *stage) {
		const many = 600
		var changes []myvault.Change
		for range many {
			changes = append(changes, put("newsbot/prod/db", "again"))
		}
		s.fill(changes)
		for i, info := range counted(s, "versions", s.versions("newsbot/prod/db"), many) {
			same(s, "version", info.Version, myvault.Version(many-i))
		}
	}),
}
