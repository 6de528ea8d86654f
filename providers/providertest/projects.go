package providertest

import (
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
)

var projectClauses = []Clause{
	clause("project/none", "A new store has no project and no default one.", func(s *stage) {
		s.registered()
	}),
	clause("project/by-put", "The first Put in a project registers it, with the time and author of the commit.", func(s *stage) {
		made := s.do(put("newsbot/prod/db", "one"))
		s.registered("newsbot")
		got := s.project("newsbot")
		sameTime(s, "time", got.At, made.At)
		same(s, "author", got.By, by)
		same(s, "description", got.Description, "")
	}),
	clause("project/by-first-put", "Later Puts leave the registration as it is.", func(s *stage) {
		made := s.do(put("newsbot/prod/db", "one"))
		s.do(put("newsbot/prod/db", "two"), put("newsbot/prod/key", "one"))
		s.registered("newsbot")
		sameTime(s, "time", s.project("newsbot").At, made.At)
	}),
	clause("project/order", "Projects are ordered by name, byte by byte.", func(s *stage) {
		s.do(project("zeta", ""), project("日本語", ""), project("a-b", ""), project("a b", ""), project("a", ""), project("Z", ""), project("a_b", ""))
		s.registered("Z", "a", "a b", "a-b", "a_b", "zeta", "日本語")
	}),
	clause("project/from", "Projects begins at the name given, which need not be registered, nor be a name.", func(s *stage) {
		s.do(project("zeta", ""), project("a b", ""), project("a", ""), project("mid", ""))
		for from, want := range map[string][]string{
			"": {"a", "a b", "mid", "zeta"}, "a": {"a", "a b", "mid", "zeta"}, "a\x00": {"a b", "mid", "zeta"},
			"b": {"mid", "zeta"}, "zeta": {"zeta"}, "zeta\x00": nil,
		} {
			var got []string
			for _, p := range collect(s, "projects", s.p.Projects(s.ctx, from)) {
				got = append(got, p.Name)
			}
			sameList(s, fmt.Sprintf("projects from %q", from), got, want)
		}
	}),
	clause("project/registers", "OpPutProject registers a project that has no secrets, with description, time and author.", func(s *stage) {
		c := s.commit(project("newsbot", "News, every morning"))
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("project", err)
		got := s.project("newsbot")
		same(s, "description", got.Description, "News, every morning")
		sameTime(s, "time", got.At, c.At)
		same(s, "author", got.By, by)
		same(s, "default", got.Default, false)
		s.lists(myvault.ListOptions{})
	}),
	clause("project/answer", "A change of a project answers with version 0.", func(s *stage) {
		same(s, "version", s.do(project("newsbot", "")).Version, 0)
		same(s, "version", s.do(makeDefault("newsbot")).Version, 0)
		same(s, "version", s.do(removeProject("newsbot")).Version, 0)
	}),
	clause("project/describes", "OpPutProject on a registered project changes its description alone.", func(s *stage) {
		c := s.commit(project("newsbot", "old"))
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("project", err)
		s.do(makeDefault("newsbot"))
		again := s.commit(project("newsbot", "new"))
		again.By = "myscheduler"
		_, err = s.p.Apply(s.ctx, again)
		s.succeeds("project", err)
		got := s.project("newsbot")
		same(s, "description", got.Description, "new")
		sameTime(s, "time", got.At, c.At)
		same(s, "author", got.By, by)
		same(s, "default", got.Default, true)
	}),
	clause("project/clears", "A description can be emptied.", func(s *stage) {
		s.do(project("newsbot", "old"), project("newsbot", ""))
		same(s, "description", s.project("newsbot").Description, "")
	}),
	clause("project/put-keeps", "A Put leaves the description as it is.", func(s *stage) {
		s.do(project("newsbot", "mine"), put("newsbot/a", "1"))
		same(s, "description", s.project("newsbot").Description, "mine")
	}),
	clause("project/long-description", "A description may have the full 1,024 bytes, in any script.", func(s *stage) {
		long := strings.Repeat("説明", 170) + "end."
		same(s, "bytes", len(long), myvault.MaxDescription)
		s.do(project("newsbot", long))
		same(s, "description", s.project("newsbot").Description, long)
	}),
	clause("project/if-absent", "OpPutProject with IfAbsent is ErrExists where the project is registered.", func(s *stage) {
		s.do(project("newsbot", "old", myvault.IfAbsent()))
		s.refuses(myvault.ErrExists, project("newsbot", "new", myvault.IfAbsent()))
		same(s, "description", s.project("newsbot").Description, "old")
	}),
	clause("project/if-absent-by-put", "A project that a Put registered is registered.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.refuses(myvault.ErrExists, project("newsbot", "new", myvault.IfAbsent()))
	}),
	clause("project/if-present", "OpPutProject with IfPresent is ErrNotFound where the project is not registered.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, project("newsbot", "new", myvault.IfPresent()))
		s.registered()
		s.do(project("newsbot", "old"), project("newsbot", "new", myvault.IfPresent()))
		same(s, "description", s.project("newsbot").Description, "new")
	}),
	clause("project/default", "OpDefaultProject makes the project the default one.", func(s *stage) {
		s.do(project("common", ""), put("newsbot/a", "1"))
		s.registered("common", "newsbot")
		s.do(makeDefault("newsbot"))
		s.registered("common", "*newsbot")
	}),
	clause("project/one-default", "There is one default project at most: a new one takes the place of the old.", func(s *stage) {
		s.do(project("a", ""), project("b", ""), project("c", ""), makeDefault("b"), makeDefault("c"))
		s.registered("a", "b", "*c")
		s.do(makeDefault("a"), makeDefault("a"))
		s.registered("*a", "b", "c")
	}),
	clause("project/default-unknown", "OpDefaultProject of an unregistered project is ErrNotFound and leaves the default as it is.", func(s *stage) {
		s.do(project("newsbot", ""), makeDefault("newsbot"))
		s.refuses(myvault.ErrNotFound, makeDefault("nobody"))
		s.registered("*newsbot")
	}),
}

var projectDeleteClauses = []Clause{
	clause("project-delete/empty", "A project without secrets can be deleted.", func(s *stage) {
		s.do(project("common", ""), project("newsbot", ""), removeProject("newsbot"))
		s.registered("common")
	}),
	clause("project-delete/unknown", "Deleting an unregistered project is ErrNotFound.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, removeProject("newsbot"))
	}),
	clause("project-delete/live", "Deleting a project with a live secret is ErrNotEmpty and changes nothing.", func(s *stage) {
		s.do(project("newsbot", "mine"), put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/a"))
		s.refuses(myvault.ErrNotEmpty, removeProject("newsbot"))
		same(s, "description", s.project("newsbot").Description, "mine")
		s.reads("newsbot/b", 0, "1")
	}),
	clause("project-delete/other-live", "Live secrets of other projects do not keep a project.", func(s *stage) {
		s.do(put("newsbot2/a", "1"), put("newsbot 2/a", "1"), put("news/a", "1"), project("newsbot", ""), removeProject("newsbot"))
		s.registered("news", "newsbot 2", "newsbot2")
	}),
	clause("project-delete/deleted", "A project whose secrets are all deleted or destroyed can be deleted.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/a"), destroy("newsbot/b"), removeProject("newsbot"))
		s.registered()
	}),
	clause("project-delete/histories", "The histories of a deleted project stay, and count on.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"), removeProject("newsbot"))
		s.history("newsbot/a", "2 deleted", "1 live")
		s.lists(myvault.ListOptions{Deleted: true}, "newsbot/a")
		same(s, "version", s.do(put("newsbot/a", "3")).Version, 3)
		s.registered("newsbot")
	}),
	clause("project-delete/again", "A deleted project can be registered again, as a new one.", func(s *stage) {
		s.do(project("newsbot", "old"), makeDefault("newsbot"), removeProject("newsbot"))
		c := s.commit(project("newsbot", "", myvault.IfAbsent()))
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("project", err)
		got := s.project("newsbot")
		same(s, "description", got.Description, "")
		same(s, "default", got.Default, false)
		sameTime(s, "time", got.At, c.At)
	}),
	clause("project-delete/default", "Deleting the default project leaves none, also when it comes back by a Put.", func(s *stage) {
		s.do(project("common", ""), project("newsbot", ""), makeDefault("newsbot"), removeProject("newsbot"))
		s.registered("common")
		s.do(put("newsbot/a", "1"))
		s.registered("common", "newsbot")
	}),
	clause("project-delete/twice", "Deleting a project twice is ErrNotFound.", func(s *stage) {
		s.do(project("newsbot", ""), removeProject("newsbot"))
		s.refuses(myvault.ErrNotFound, removeProject("newsbot"))
	}),
	clause("project-delete/undelete", "Undelete of its secret registers a deleted project as a new one.", func(s *stage) {
		s.do(project("newsbot", "old"), put("newsbot/a", "1"), remove("newsbot/a"), removeProject("newsbot"))
		c := s.commit(undelete("newsbot/a"))
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("undelete", err)
		got := s.project("newsbot")
		same(s, "description", got.Description, "")
		sameTime(s, "time", got.At, c.At)
	}),
}
