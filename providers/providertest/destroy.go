package providertest

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// putThree puts versions 1, 2 and 3 of newsbot/prod/db.
func (s *scenario) putThree() {
	s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), put("newsbot/prod/db", "three"))
}

var destroyClauses = []Clause{
	clause("destroy/current", "If the current version is destroyed, Get of its number returns ErrDestroyed, and Get of version 0 and of live older versions returns ErrNotFound.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 3))
		for n := range myvault.Version(3) {
			s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", n)
		}
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 3)
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 4)
		s.wantVersions("newsbot/prod/db", "3 destroyed", "2 live", "1 live")
	}),
	clause("destroy/older", "Get of a destroyed older version of a live address returns ErrDestroyed.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 2))
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 2)
		s.wantVersions("newsbot/prod/db", "3 live", "2 destroyed", "1 live")
	}),
	clause("destroy/others-stay", "Other versions stay readable.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 2))
		s.wantValue("newsbot/prod/db", 0, "three")
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantValue("newsbot/prod/db", 3, "three")
	}),
	clause("destroy/several", "Destroy of several versions destroys all of them.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 1, 2))
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 1)
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 2)
		s.wantValue("newsbot/prod/db", 0, "three")
	}),
	clause("destroy/all", "Destroy without versions destroys all.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
		for n := range myvault.Version(3) {
			s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", n+1)
		}
		s.wantVersions("newsbot/prod/db", "3 destroyed", "2 destroyed", "1 destroyed")
	}),
	clause("destroy/answer", "Destroy returns the version it destroyed, with the time and author of its Put.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		made := s.do(put("newsbot/prod/db", "two"))
		s.do(put("newsbot/prod/db", "three"))
		got := s.do(destroy("newsbot/prod/db", 2))
		wantEqual(s, "address", got.Address, address("newsbot/prod/db"))
		wantEqual(s, "version", got.Version, 2)
		wantEqual(s, "state", got.State, myvault.Destroyed)
		wantTime(s, "time", got.At, made.At)
		wantEqual(s, "author", got.By, made.By)
	}),
	clause("destroy/answer-newest", "Destroy of several versions returns the newest of them.", func(s *scenario) {
		s.putThree()
		got := s.do(destroy("newsbot/prod/db", 1, 2))
		wantEqual(s, "version", got.Version, 2)
		wantEqual(s, "state", got.State, myvault.Destroyed)
		got = s.do(destroy("newsbot/prod/db"))
		wantEqual(s, "version of all", got.Version, 3)
		wantEqual(s, "state of all", got.State, myvault.Destroyed)
	}),
	clause("destroy/never-made", "Destroy of an address that never had a version returns ErrNotFound.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, destroy("newsbot/prod/db"))
		s.wantRefused(myvault.ErrNotFound, destroy("newsbot/prod/db", 1))
	}),
	clause("destroy/version-never-made", "Destroy of versions of which one never existed returns ErrNotFound and destroys none.", func(s *scenario) {
		s.putThree()
		s.wantRefused(myvault.ErrNotFound, destroy("newsbot/prod/db", 1, 2, 4))
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantValue("newsbot/prod/db", 2, "two")
		s.wantVersions("newsbot/prod/db", "3 live", "2 live", "1 live")
	}),
	clause("destroy/version-zero", "Destroy of version 0, which never exists, returns ErrNotFound.", func(s *scenario) {
		s.putThree()
		s.wantRefused(myvault.ErrNotFound, destroy("newsbot/prod/db", 0))
		s.wantRefused(myvault.ErrNotFound, destroy("newsbot/prod/db", 1, 0))
		s.wantVersions("newsbot/prod/db", "3 live", "2 live", "1 live")
	}),
	clause("destroy/repeated", "Destroying a version again succeeds.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 1), destroy("newsbot/prod/db", 1), destroy("newsbot/prod/db", 1, 2, 1))
		s.wantVersions("newsbot/prod/db", "3 live", "2 destroyed", "1 destroyed")
		s.do(destroy("newsbot/prod/db"), destroy("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "3 destroyed", "2 destroyed", "1 destroyed")
	}),
	clause("destroy/deleted", "A deleted version can be destroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), destroy("newsbot/prod/db", 1))
		s.wantVersions("newsbot/prod/db", "1 destroyed")
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("destroy/below-deleted", "After an older version of a deleted address is destroyed, the address is still deleted and can be undeleted.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"), destroy("newsbot/prod/db", 1))
		s.wantVersions("newsbot/prod/db", "2 deleted", "1 destroyed")
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 1)
		s.do(undelete("newsbot/prod/db"))
		s.wantValue("newsbot/prod/db", 0, "two")
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 1)
	}),
	clause("destroy/past-mark", "Get of a version that was deleted, replaced by a Put, then destroyed, returns ErrDestroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db", 1))
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 1)
		s.wantVersions("newsbot/prod/db", "2 live", "1 destroyed")
	}),
	clause("destroy/then-put", "After a later Put, Get of the destroyed version returns ErrDestroyed, and older versions are readable again.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db", 2), put("newsbot/prod/db", "three"))
		s.wantValue("newsbot/prod/db", 0, "three")
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 2)
	}),
	clause("destroy/uses-no-number", "Destroy uses no version number.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 1), destroy("newsbot/prod/db", 3))
		wantEqual(s, "version after it", s.do(put("newsbot/prod/db", "four")).Version, 4)
	}),
	clause("destroy/neighbors", "Destroy does not affect addresses above, below and beside.", func(s *scenario) {
		s.do(put("newsbot/prod", "above"), put("newsbot/prod/db", "it"), put("newsbot/prod/db/key", "below"),
			put("common/prod/db", "elsewhere"), destroy("newsbot/prod/db"))
		s.wantValue("newsbot/prod", 0, "above")
		s.wantValue("newsbot/prod/db/key", 0, "below")
		s.wantValue("common/prod/db", 0, "elsewhere")
	}),
	clause("destroy/not-listed", "A secret whose current version is destroyed is not listed as live.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/b", "one"), destroy("newsbot/a"))
		s.wantListed(myvault.ListOptions{}, "newsbot/b")
	}),
}

var versionsClauses = []Clause{
	clause("versions/never-made", "Versions of an address that never had a version yields ErrNotFound, once.", func(s *scenario) {
		err := onlyError(s, "versions", s.p.Versions(s.ctx, address("newsbot/prod/db"), 0))
		s.wantError("versions", err, myvault.ErrNotFound)
	}),
	clause("versions/newest-first", "Versions yields the newest version first.", func(s *scenario) {
		s.putThree()
		s.wantVersions("newsbot/prod/db", "3 live", "2 live", "1 live")
	}),
	clause("versions/states", "Versions yields the state of each version, whether the address is live, deleted or destroyed.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 1), remove("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "3 deleted", "2 live", "1 destroyed")
		s.do(put("newsbot/prod/db", "four"))
		s.wantVersions("newsbot/prod/db", "4 live", "3 deleted", "2 live", "1 destroyed")
		s.do(destroy("newsbot/prod/db", 4))
		s.wantVersions("newsbot/prod/db", "4 destroyed", "3 deleted", "2 live", "1 destroyed")
	}),
	clause("versions/info", "Versions yields the address, time and author of each Put.", func(s *scenario) {
		first, second := s.do(put("newsbot/prod/db", "one")), s.do(put("newsbot/prod/db", "two"))
		got := wantLen(s, "versions", s.versions("newsbot/prod/db"), 2)
		for i, want := range []myvault.Info{second, first} {
			wantEqual(s, "address", got[i].Address, want.Address)
			wantTime(s, "time", got[i].At, want.At)
			wantEqual(s, "author", got[i].By, want.By)
		}
	}),
	clause("versions/before", "Versions yields the versions before the given one, which need not exist.", func(s *scenario) {
		s.putThree()
		for before, want := range [][]string{{"3", "2", "1"}, {}, {"1"}, {"2", "1"}, {"3", "2", "1"}, {"3", "2", "1"}} {
			var got []string
			for _, info := range collect(s, "versions", s.p.Versions(s.ctx, address("newsbot/prod/db"), myvault.Version(before))) {
				got = append(got, fmt.Sprint(info.Version))
			}
			wantList(s, fmt.Sprintf("versions before %d", before), got, want)
		}
		err := onlyError(s, "versions", s.p.Versions(s.ctx, address("newsbot/prod/key"), 2))
		s.wantError("versions before 2 of nothing", err, myvault.ErrNotFound)
	}),
	clause("versions/before-states", "Versions yields the same state of a version wherever it begins.", func(s *scenario) {
		s.putThree()
		s.do(remove("newsbot/prod/db"), put("newsbot/prod/db", "four"), destroy("newsbot/prod/db", 2, 4))
		want := []string{"3 deleted", "2 destroyed", "1 live"}
		for i := range want {
			var got []string
			for _, info := range collect(s, "versions", s.p.Versions(s.ctx, address("newsbot/prod/db"), myvault.Version(4-i))) {
				got = append(got, fmt.Sprint(info.Version, " ", info.State))
			}
			wantList(s, fmt.Sprintf("versions before %d", 4-i), got, want[i:])
		}
	}),
	clause("versions/other-address", "Versions yields no versions of other addresses.", func(s *scenario) {
		s.do(put("newsbot/prod", "above"), put("newsbot/prod/db", "one"), put("newsbot/prod/db/key", "below"), put("common/prod/db", "other"))
		s.wantVersions("newsbot/prod/db", "1 live")
	}),
	clause("versions/many", "Versions yields every version of a long history, newest first.", func(s *scenario) {
		const many = 600
		var changes []myvault.Change
		for range many {
			changes = append(changes, put("newsbot/prod/db", "again"))
		}
		s.fill(changes)
		for i, info := range wantLen(s, "versions", s.versions("newsbot/prod/db"), many) {
			wantEqual(s, "version", info.Version, myvault.Version(many-i))
		}
	}),
}
