package providertest

import "github.com/myswiftagent/myvault"

var deleteClauses = []Clause{
	clause("delete/hides", "After Delete the address is ErrNotFound.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("delete/hides-every-version", "After Delete every version of the address is ErrNotFound, destroyed ones too.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), put("newsbot/prod/db", "three"),
			destroy("newsbot/prod/db", 1), remove("newsbot/prod/db"))
		for n := range myvault.Version(4) {
			s.hides(myvault.ErrNotFound, "newsbot/prod/db", n)
		}
	}),
	clause("delete/uses-no-number", "Delete uses no version number.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"))
		same(s, "version after it", s.do(put("newsbot/prod/db", "three")).Version, 3)
		s.history("newsbot/prod/db", "3 live", "2 deleted", "1 live")
	}),
	clause("delete/answer", "Delete answers with the version it marked, with the time and author of its Put.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		made := s.do(put("newsbot/prod/db", "two"))
		c := s.commit(remove("newsbot/prod/db"))
		c.By = "myscheduler"
		infos, err := s.p.Apply(s.ctx, c)
		s.succeeds("delete", err)
		counted(s, "infos", infos, 1)
		same(s, "address", infos[0].Address, at("newsbot/prod/db"))
		same(s, "version", infos[0].Version, 2)
		same(s, "state", infos[0].State, myvault.Deleted)
		sameTime(s, "time", infos[0].At, made.At)
		same(s, "author", infos[0].By, by)
	}),
	clause("delete/never-made", "Delete of an address that never had a version is ErrNotFound.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, remove("newsbot/prod/db"))
	}),
	clause("delete/twice", "A second Delete is ErrNotFound.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.refuses(myvault.ErrNotFound, remove("newsbot/prod/db"))
		s.history("newsbot/prod/db", "1 deleted")
	}),
	clause("delete/destroyed", "Delete after the current version was destroyed is ErrNotFound, and it stays destroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db"))
		s.refuses(myvault.ErrNotFound, remove("newsbot/prod/db"))
		s.history("newsbot/prod/db", "1 destroyed")
	}),
	clause("delete/marks-one", "Delete marks the current version alone.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"))
		s.history("newsbot/prod/db", "2 deleted", "1 live")
	}),
	clause("delete/mark-stays", "The marked version stays ErrNotFound after a later Put.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), put("newsbot/prod/db", "two"))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 1)
		s.reads("newsbot/prod/db", 2, "two")
		s.history("newsbot/prod/db", "2 live", "1 deleted")
	}),
	clause("delete/older-return", "Versions before the marked one can be read again after a later Put.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"), put("newsbot/prod/db", "three"))
		s.reads("newsbot/prod/db", 1, "one")
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 2)
	}),
	clause("delete/neighbours", "Delete leaves what is above, below and beside the address.", func(s *stage) {
		s.do(put("newsbot/prod", "above"), put("newsbot/prod/db", "it"), put("newsbot/prod/db/key", "below"),
			put("newsbot/prod/db-2", "beside"), put("common/prod/db", "elsewhere"), remove("newsbot/prod/db"))
		s.reads("newsbot/prod", 0, "above")
		s.reads("newsbot/prod/db/key", 0, "below")
		s.reads("newsbot/prod/db-2", 0, "beside")
		s.reads("common/prod/db", 0, "elsewhere")
	}),
	clause("delete/keeps-project", "Deleting the last secret of a project leaves the project registered.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.registered("newsbot")
	}),
}

var undeleteClauses = []Clause{
	clause("undelete/brings-back", "Undelete makes the marked version readable again.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		s.reads("newsbot/prod/db", 0, "one")
		s.history("newsbot/prod/db", "1 live")
	}),
	clause("undelete/older", "Undelete brings older versions back with it.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		s.reads("newsbot/prod/db", 1, "one")
		s.reads("newsbot/prod/db", 2, "two")
	}),
	clause("undelete/answer", "Undelete answers with the version it unmarked, live, with the time and author of its Put.", func(s *stage) {
		made := s.do(put("newsbot/prod/db", "one"))
		got := s.do(remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		same(s, "address", got.Address, at("newsbot/prod/db"))
		same(s, "version", got.Version, 1)
		same(s, "state", got.State, myvault.Live)
		sameTime(s, "time", got.At, made.At)
		same(s, "author", got.By, made.By)
	}),
	clause("undelete/live", "Undelete of a live secret is ErrConflict.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.refuses(myvault.ErrConflict, undelete("newsbot/prod/db"))
	}),
	clause("undelete/twice", "A second Undelete is ErrConflict.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		s.refuses(myvault.ErrConflict, undelete("newsbot/prod/db"))
	}),
	clause("undelete/after-put", "Undelete after a later Put is ErrConflict and changes nothing.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), put("newsbot/prod/db", "two"))
		s.refuses(myvault.ErrConflict, undelete("newsbot/prod/db"))
		s.history("newsbot/prod/db", "2 live", "1 deleted")
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 1)
	}),
	clause("undelete/never-made", "Undelete of an address that never had a version is ErrNotFound.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, undelete("newsbot/prod/db"))
	}),
	clause("undelete/destroyed", "Undelete of a destroyed version is ErrDestroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db"))
		s.refuses(myvault.ErrDestroyed, undelete("newsbot/prod/db"))
	}),
	clause("undelete/deleted-destroyed", "Undelete of a version that was deleted and then destroyed is ErrDestroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), destroy("newsbot/prod/db", 1))
		s.refuses(myvault.ErrDestroyed, undelete("newsbot/prod/db"))
		s.history("newsbot/prod/db", "1 destroyed")
	}),
	clause("undelete/again", "Delete and Undelete can alternate.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		for range 3 {
			s.do(remove("newsbot/prod/db"))
			s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
			s.do(undelete("newsbot/prod/db"))
			s.reads("newsbot/prod/db", 0, "one")
		}
	}),
	clause("undelete/project", "Undelete registers its project again.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), removeProject("newsbot"))
		s.registered()
		s.do(undelete("newsbot/prod/db"))
		s.registered("newsbot")
		s.reads("newsbot/prod/db", 0, "one")
	}),
}
