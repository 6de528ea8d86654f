package providertest

import (
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
)

// several makes a clause about commits of more than one change.
func several(name, promise string, play func(*stage)) Clause {
	return clause(name, promise, play, ManyChanges)
}

var commitClauses = []Clause{
	clause("commit/empty", "A commit of no changes succeeds and changes nothing.", func(s *stage) {
		s.doAll()
		s.lists(myvault.ListOptions{})
		s.registered()
	}),
	several("commit/all", "All changes of a commit are made.", func(s *stage) {
		s.do(put("newsbot/old", "1"))
		s.doAll(put("newsbot/a", "1"), put("common/b", "1"), remove("newsbot/old"), makeDefault("common"))
		s.lists(myvault.ListOptions{}, "common/b", "newsbot/a")
		s.registered("*common", "newsbot")
	}),
	several("commit/answers", "A commit answers with one Info per change, in their order.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		infos := s.doAll(put("newsbot/b", "2"), project("common", ""), remove("newsbot/a"), put("newsbot/c", "1"), destroy("newsbot/b", 1))
		var got []string
		for _, i := range infos {
			got = append(got, fmt.Sprintf("%s %d", i.Path, i.Version))
		}
		got[1] = "" // only the version of a project's Info is promised
		sameList(s, "infos", got, []string{"b 2", "", "a 1", "c 1", "b 1"})
		same(s, "version of a project", infos[1].Version, 0)
		same(s, "state", infos[2].State, myvault.Deleted)
		same(s, "state", infos[4].State, myvault.Destroyed)
	}),
	several("commit/in-order", "Changes are made in their order, each sees those before it.", func(s *stage) {
		infos := s.doAll(put("newsbot/a", "1", myvault.IfAbsent()), put("newsbot/a", "2", myvault.IfVersion(1)),
			remove("newsbot/a", myvault.IfVersion(2)), undelete("newsbot/a"), put("newsbot/a", "3", myvault.IfPresent()), destroy("newsbot/a", 1))
		same(s, "version", infos[4].Version, 3)
		s.reads("newsbot/a", 0, "3")
		s.reads("newsbot/a", 2, "2")
		s.history("newsbot/a", "3 live", "2 live", "1 destroyed")
	}),
	several("commit/sees-refusal", "A change is refused for what an earlier one of its commit did.", func(s *stage) {
		s.refuses(myvault.ErrExists, put("newsbot/a", "1"), put("newsbot/a", "2", myvault.IfAbsent()))
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
		s.refuses(myvault.ErrConflict, put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3", myvault.IfVersion(1)))
		s.refuses(myvault.ErrNotFound, put("newsbot/a", "1"), remove("newsbot/a"), remove("newsbot/a"))
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
	}),
	several("commit/refused", "The error of a commit says which change is refused: the first that is.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		for i, changes := range [][]myvault.Change{
			{put("newsbot/a", "2", myvault.IfAbsent()), put("newsbot/a", "3", myvault.IfVersion(9))},
			{put("newsbot/b", "1"), remove("newsbot/c"), remove("newsbot/d")},
			{put("newsbot/b", "1"), project("common", ""), put("newsbot/a", "2", myvault.IfVersion(9))},
		} {
			_, err := s.apply(changes...)
			refused, ok := errors.AsType[*myvault.ChangeError](err)
			same(s, fmt.Sprintf("the error names a change (%v)", err), ok, true)
			same(s, "index", refused.Index, i)
		}
	}),
	several("commit/none-last", "When the last change is refused, none is made.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		s.refuses(myvault.ErrConflict, put("newsbot/a", "2"), remove("newsbot/b"), put("newsbot/c", "1"), put("newsbot/a", "3", myvault.IfVersion(9)))
		s.history("newsbot/a", "1 live")
		s.reads("newsbot/b", 0, "1")
		s.hides(myvault.ErrNotFound, "newsbot/c", 0)
		s.lists(myvault.ListOptions{}, "newsbot/a", "newsbot/b")
	}),
	several("commit/none-first", "When the first change is refused, none is made.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, remove("newsbot/a"), put("newsbot/b", "1"))
		s.hides(myvault.ErrNotFound, "newsbot/b", 0)
		s.registered()
	}),
	several("commit/none-destroyed", "A refused commit destroys and marks nothing.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/b", "1"), remove("newsbot/b"))
		s.refuses(myvault.ErrNotFound, destroy("newsbot/a"), undelete("newsbot/b"), remove("newsbot/never"))
		s.reads("newsbot/a", 1, "1")
		s.reads("newsbot/a", 0, "2")
		s.history("newsbot/b", "1 deleted")
	}),
	several("commit/none-registered", "A refused commit leaves the register as it was.", func(s *stage) {
		s.do(project("common", "old"), project("spare", ""), makeDefault("common"))
		s.refuses(myvault.ErrNotFound, project("common", "new"), put("newsbot/a", "1"), makeDefault("spare"), removeProject("spare"), remove("newsbot/never"))
		s.registered("*common", "spare")
		same(s, "description", s.project("common").Description, "old")
	}),
	several("commit/no-number", "A refused commit uses no version number.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/never"))
		same(s, "version", s.do(put("newsbot/a", "3")).Version, 1)
		s.reads("newsbot/a", 1, "3")
	}),
	several("commit/after-refusal", "After a refused commit the next one works on what was there before.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.refuses(myvault.ErrNotFound, put("newsbot/a", "wrong"), remove("newsbot/never"))
		same(s, "version", s.do(put("newsbot/a", "2", myvault.IfVersion(1))).Version, 2)
		s.reads("newsbot/a", 1, "1")
		s.reads("newsbot/a", 2, "2")
	}),
	several("commit/one-time", "All versions of a commit have its time and author.", func(s *stage) {
		c := s.commit(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/a", "2"))
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("a commit of 3 changes", err)
		for _, info := range append(s.versions("newsbot/a"), s.versions("newsbot/b")...) {
			sameTime(s, "time", info.At, c.At)
			same(s, "author", info.By, by)
		}
		sameTime(s, "time of the project", s.project("newsbot").At, c.At)
	}),
	several("commit/empties-project", "A commit can delete the last secret of a project and the project.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.doAll(remove("newsbot/a"), removeProject("newsbot"))
		s.registered()
	}),
	several("commit/fills-project", "A project with a live secret of the same commit is ErrNotEmpty.", func(s *stage) {
		s.do(project("newsbot", ""))
		s.refuses(myvault.ErrNotEmpty, put("newsbot/a", "1"), removeProject("newsbot"))
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
		s.registered("newsbot")
	}),
	several("commit/describes-new", "A commit can register a project, fill it and make it the default.", func(s *stage) {
		s.doAll(project("newsbot", "mine", myvault.IfAbsent()), put("newsbot/a", "1"), makeDefault("newsbot"))
		s.registered("*newsbot")
		same(s, "description", s.project("newsbot").Description, "mine")
	}),
	several("commit/register-limit", "A commit that passes the limit of the register with its last change makes none.", func(s *stage) {
		s.crowd(s.maxProjects() - 1)
		s.refuses(myvault.ErrTooLarge, put("newsbot/a", "1"), put("common/a", "1"))
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
		same(s, "projects", len(s.projects()), s.maxProjects()-1)
	}),
	several("commit/large", "A commit may hold several hundred changes.", func(s *stage) {
		var changes []myvault.Change
		for i := range 400 {
			changes = append(changes, put(fmt.Sprintf("newsbot/secret-%03d", i), "value"))
		}
		same(s, "infos", len(s.doAll(changes...)), 400)
		same(s, "secrets", len(s.listed(myvault.ListOptions{})), 400)
	}),
}
