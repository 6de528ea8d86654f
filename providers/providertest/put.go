package providertest

import "github.com/myswiftagent/myvault"

var putClauses = []Clause{
	clause("put/first-version", "The first Put of an address makes version 1.", func(s *stage) {
		same(s, "version", s.do(put("newsbot/prod/db", "one")).Version, 1)
	}),
	clause("put/next-version", "Every Put makes the next number.", func(s *stage) {
		for n := range myvault.Version(5) {
			same(s, "version", s.do(put("newsbot/prod/db", "again")).Version, n+1)
		}
		s.history("newsbot/prod/db", "5 live", "4 live", "3 live", "2 live", "1 live")
	}),
	clause("put/own-numbers", "Each address counts its own versions.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		same(s, "version of another path", s.do(put("newsbot/prod/key", "one")).Version, 1)
		same(s, "version in another project", s.do(put("common/prod/db", "one")).Version, 1)
	}),
	clause("put/answer", "Put answers with the version it made: address, number, live, time and author.", func(s *stage) {
		c := s.commit(put("newsbot/prod/db", "one"))
		infos, err := s.p.Apply(s.ctx, c)
		s.succeeds("put", err)
		counted(s, "infos", infos, 1)
		same(s, "address", infos[0].Address, at("newsbot/prod/db"))
		same(s, "version", infos[0].Version, 1)
		same(s, "state", infos[0].State, myvault.Live)
		sameTime(s, "time", infos[0].At, c.At)
		same(s, "author", infos[0].By, by)
	}),
	clause("put/readable", "A value can be read as soon as Put has returned.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.reads("newsbot/prod/db", 0, "one")
	}),
	clause("put/replaces", "The newest version is the current one.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		s.reads("newsbot/prod/db", 0, "two")
	}),
	clause("put/keeps-older", "Put leaves older versions readable.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), put("newsbot/prod/db", "three"))
		s.reads("newsbot/prod/db", 1, "one")
		s.reads("newsbot/prod/db", 2, "two")
		s.reads("newsbot/prod/db", 3, "three")
	}),
	clause("put/same-value", "Putting the value that is there makes a new version all the same.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		same(s, "version", s.do(put("newsbot/prod/db", "one")).Version, 2)
	}),
	clause("put/after-delete", "A Put after a Delete makes the next number.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		same(s, "version", s.do(put("newsbot/prod/db", "two")).Version, 2)
		s.reads("newsbot/prod/db", 0, "two")
	}),
	clause("put/after-destroy", "A Put after the destruction of every version makes the next number.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db"))
		same(s, "version", s.do(put("newsbot/prod/db", "three")).Version, 3)
		s.reads("newsbot/prod/db", 0, "three")
	}),
	clause("put/after-undelete", "A Put after an Undelete makes the next number.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		same(s, "version", s.do(put("newsbot/prod/db", "two")).Version, 2)
	}),
	clause("put/below-a-secret", "A path can be a secret and have secrets below it.", func(s *stage) {
		s.do(put("newsbot/prod", "itself"), put("newsbot/prod/db", "below"), put("newsbot/prod/db/key", "deeper"))
		s.reads("newsbot/prod", 0, "itself")
		s.reads("newsbot/prod/db", 0, "below")
		s.reads("newsbot/prod/db/key", 0, "deeper")
	}),
	clause("put/other-project", "One path in two projects is two secrets.", func(s *stage) {
		s.do(put("newsbot/prod/db", "n"), put("common/prod/db", "c"))
		s.reads("newsbot/prod/db", 0, "n")
		s.reads("common/prod/db", 0, "c")
	}),
	clause("put/case", "Names that differ only in case are different.", func(s *stage) {
		s.do(put("newsbot/prod/db", "low"), put("newsbot/prod/DB", "high"), put("NewsBot/prod/db", "project"))
		s.reads("newsbot/prod/db", 0, "low")
		s.reads("newsbot/prod/DB", 0, "high")
		s.reads("NewsBot/prod/db", 0, "project")
	}),
}

var getClauses = []Clause{
	clause("get/never-made", "An address that never had a version is ErrNotFound.", func(s *stage) {
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 1)
	}),
	clause("get/version-never-made", "A version that was never made is ErrNotFound.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 2)
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 1<<40)
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", ^myvault.Version(0))
	}),
	clause("get/current", "Version 0 is the current one, and says its number.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		same(s, "version", s.get("newsbot/prod/db", 0).Version, 2)
	}),
	clause("get/info", "Get tells of a version what Put told of it.", func(s *stage) {
		made := []myvault.Info{s.do(put("newsbot/prod/db", "one")), s.do(put("newsbot/prod/db", "two"))}
		for i, want := range made {
			got := s.get("newsbot/prod/db", myvault.Version(i+1))
			same(s, "address", got.Address, want.Address)
			same(s, "version", got.Version, want.Version)
			same(s, "state", got.State, myvault.Live)
			sameTime(s, "time", got.At, want.At)
			same(s, "author", got.By, want.By)
		}
	}),
	clause("get/folder", "What only has secrets below it is ErrNotFound.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.hides(myvault.ErrNotFound, "newsbot/prod", 0)
	}),
	clause("get/below", "Nothing is found below a secret.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db/key", 0)
	}),
	clause("get/other-author", "Each version keeps its own author.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		c := s.commit(put("newsbot/prod/db", "two"))
		c.By = "myscheduler"
		for i := range c.Entries {
			c.Entries[i].Service = c.By
		}
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("put", err)
		same(s, "author of version 1", s.get("newsbot/prod/db", 1).By, by)
		same(s, "author of version 2", s.get("newsbot/prod/db", 2).By, "myscheduler")
	}),
}
