package providertest

import (
	"github.com/myswiftagent/myvault"
)

var putClauses = []Clause{
	clause("put/first-version", "The first Put of an address creates version 1.", func(s *scenario) {
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "one")).Version, 1)
	}),
	clause("put/next-version", "Every Put creates the next version number.", func(s *scenario) {
		for n := range myvault.Version(5) {
			wantEqual(s, "version", s.do(put("newsbot/prod/db", "again")).Version, n+1)
		}
		s.wantVersions("newsbot/prod/db", "5 live", "4 live", "3 live", "2 live", "1 live")
	}),
	clause("put/own-numbers", "Each address has its own version numbers.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		wantEqual(s, "version of another path", s.do(put("newsbot/prod/key", "one")).Version, 1)
		wantEqual(s, "version in another project", s.do(put("common/prod/db", "one")).Version, 1)
	}),
	clause("put/answer", "Put returns the version it created: address, number, live, time and author.", func(s *scenario) {
		c := s.commit(put("newsbot/prod/db", "one"))
		infos, err := s.p.Apply(s.ctx, c)
		s.noError("put", err)
		wantLen(s, "infos", infos, 1)
		wantEqual(s, "address", infos[0].Address, address("newsbot/prod/db"))
		wantEqual(s, "version", infos[0].Version, 1)
		wantEqual(s, "state", infos[0].State, myvault.Live)
		wantTime(s, "time", infos[0].At, c.At)
		wantEqual(s, "author", infos[0].By, author)
	}),
	clause("put/readable", "A value can be read as soon as Put has returned.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantValue("newsbot/prod/db", 0, "one")
	}),
	clause("put/replaces", "The newest version is the current one.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		s.wantValue("newsbot/prod/db", 0, "two")
	}),
	clause("put/keeps-older", "Put leaves older versions readable.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), put("newsbot/prod/db", "three"))
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantValue("newsbot/prod/db", 2, "two")
		s.wantValue("newsbot/prod/db", 3, "three")
	}),
	clause("put/same-value", "A Put of the current value creates a new version too.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "one")).Version, 2)
	}),
	clause("put/after-delete", "A Put after a Delete creates the next version number.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "two")).Version, 2)
		s.wantValue("newsbot/prod/db", 0, "two")
	}),
	clause("put/after-destroy", "A Put after the destruction of every version creates the next version number.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "three")).Version, 3)
		s.wantValue("newsbot/prod/db", 0, "three")
	}),
	clause("put/after-undelete", "A Put after an Undelete creates the next version number.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "two")).Version, 2)
	}),
	clause("put/below-a-secret", "A path can be a secret and have secrets below it.", func(s *scenario) {
		s.do(put("newsbot/prod", "itself"), put("newsbot/prod/db", "below"), put("newsbot/prod/db/key", "deeper"))
		s.wantValue("newsbot/prod", 0, "itself")
		s.wantValue("newsbot/prod/db", 0, "below")
		s.wantValue("newsbot/prod/db/key", 0, "deeper")
	}),
	clause("put/other-project", "The same path in two projects is two secrets.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "n"), put("common/prod/db", "c"))
		s.wantValue("newsbot/prod/db", 0, "n")
		s.wantValue("common/prod/db", 0, "c")
	}),
	clause("put/case", "Names that differ only in case are different.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "low"), put("newsbot/prod/DB", "high"), put("NewsBot/prod/db", "project"))
		s.wantValue("newsbot/prod/db", 0, "low")
		s.wantValue("newsbot/prod/DB", 0, "high")
		s.wantValue("NewsBot/prod/db", 0, "project")
	}),
}

var getClauses = []Clause{
	clause("get/never-made", "Get of an address that never had a version returns ErrNotFound.", func(s *scenario) {
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 1)
	}),
	clause("get/version-never-made", "Get of a version that never existed returns ErrNotFound.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 2)
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 1<<40)
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", ^myvault.Version(0))
	}),
	clause("get/current", "Get of version 0 returns the current version and its number.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		wantEqual(s, "version", s.get("newsbot/prod/db", 0).Version, 2)
	}),
	clause("get/info", "Get returns the information that Put returned for the version.", func(s *scenario) {
		made := []myvault.Info{s.do(put("newsbot/prod/db", "one")), s.do(put("newsbot/prod/db", "two"))}
		for i, want := range made {
			got := s.get("newsbot/prod/db", myvault.Version(i+1))
			wantEqual(s, "address", got.Address, want.Address)
			wantEqual(s, "version", got.Version, want.Version)
			wantEqual(s, "state", got.State, myvault.Live)
			wantTime(s, "time", got.At, want.At)
			wantEqual(s, "author", got.By, want.By)
		}
	}),
	clause("get/folder", "Get of a path that only has secrets below it returns ErrNotFound.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod", 0)
	}),
	clause("get/below", "Get of a path below a secret returns ErrNotFound.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db/key", 0)
	}),
	clause("get/author", "Each version keeps its own author.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		c := s.commit(put("newsbot/prod/db", "two"))
		c.By = "myscheduler"
		for i := range c.Entries {
			c.Entries[i].Service = c.By
		}
		_, err := s.p.Apply(s.ctx, c)
		s.noError("put", err)
		wantEqual(s, "author of version 1", s.get("newsbot/prod/db", 1).By, author)
		wantEqual(s, "author of version 2", s.get("newsbot/prod/db", 2).By, "myscheduler")
	}),
}

var conditionClauses = []Clause{
	clause("condition/absent-never", "Put with IfAbsent succeeds if no version ever existed.", func(s *scenario) {
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "one", myvault.IfAbsent())).Version, 1)
	}),
	clause("condition/absent-live", "Put with IfAbsent returns ErrExists while the secret is live.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantRefused(myvault.ErrExists, put("newsbot/prod/db", "two", myvault.IfAbsent()))
	}),
	clause("condition/absent-deleted", "Put with IfAbsent succeeds after a Delete.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "two", myvault.IfAbsent())).Version, 2)
	}),
	clause("condition/absent-destroyed", "Put with IfAbsent succeeds after the current version was destroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db", 2))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "three", myvault.IfAbsent())).Version, 3)
	}),
	clause("condition/present-live", "Put with IfPresent succeeds while the secret is live.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "two", myvault.IfPresent())).Version, 2)
	}),
	clause("condition/present-never", "Put with IfPresent returns ErrNotFound if no version ever existed.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "one", myvault.IfPresent()))
	}),
	clause("condition/present-deleted", "Put with IfPresent returns ErrNotFound after a Delete.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfPresent()))
	}),
	clause("condition/present-destroyed", "Put with IfPresent returns ErrNotFound after the current version was destroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db", 1))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfPresent()))
	}),
	clause("condition/version-current", "Put with IfVersion succeeds on the current version.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "three", myvault.IfVersion(2))).Version, 3)
	}),
	clause("condition/version-older", "Put with IfVersion returns ErrConflict on an older version.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		s.wantRefused(myvault.ErrConflict, put("newsbot/prod/db", "three", myvault.IfVersion(1)))
	}),
	clause("condition/version-future", "Put with IfVersion returns ErrConflict on a future version.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantRefused(myvault.ErrConflict, put("newsbot/prod/db", "two", myvault.IfVersion(2)))
	}),
	clause("condition/version-never", "Put with IfVersion returns ErrNotFound if no version ever existed.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "one", myvault.IfVersion(1)))
	}),
	clause("condition/version-deleted", "Put with IfVersion returns ErrNotFound after a Delete, even on the deleted version.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfVersion(1)))
	}),
	clause("condition/version-destroyed", "Put with IfVersion returns ErrNotFound after the current version was destroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db", 1))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfVersion(1)))
	}),
	clause("condition/refused-put", "A refused Put changes nothing and uses no version number.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantRefused(myvault.ErrExists, put("newsbot/prod/db", "two", myvault.IfAbsent()))
		s.wantRefused(myvault.ErrConflict, put("newsbot/prod/db", "two", myvault.IfVersion(9)))
		s.wantValue("newsbot/prod/db", 0, "one")
		s.wantVersions("newsbot/prod/db", "1 live")
		wantEqual(s, "version", s.do(put("newsbot/prod/db", "two")).Version, 2)
	}),
	clause("condition/refused-first", "A refused first Put creates no secret and no project.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, put("newsbot/prod/db", "one", myvault.IfPresent()))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
		s.wantListed(myvault.ListOptions{})
		s.wantProjects()
	}),
	clause("condition/delete-version", "Delete checks IfVersion.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		s.wantRefused(myvault.ErrConflict, remove("newsbot/prod/db", myvault.IfVersion(1)))
		s.wantValue("newsbot/prod/db", 0, "two")
		s.do(remove("newsbot/prod/db", myvault.IfVersion(2)))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("condition/delete-present", "Delete checks IfPresent.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, remove("newsbot/prod/db", myvault.IfPresent()))
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db", myvault.IfPresent()))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("condition/delete-absent", "Delete with IfAbsent returns ErrExists while the secret is live.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantRefused(myvault.ErrExists, remove("newsbot/prod/db", myvault.IfAbsent()))
		s.wantValue("newsbot/prod/db", 0, "one")
	}),
}
