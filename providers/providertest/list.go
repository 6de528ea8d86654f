package providertest

import "github.com/myswiftagent/myvault"

// shelf is addresses in their order, byte by byte, with neighbours that sort
// between a secret and what is below it.
var shelf = []string{
	"News/prod", "common/prod/db",
	"news/prod/db", "newsbot/PROD/db",
	"newsbot/prod", "newsbot/prod x", "newsbot/prod!", "newsbot/prod-x", "newsbot/prod.x",
	"newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key", "newsbot/prod0", "newsbot/prod:x",
	"newsbot/prod_x", "newsbot/production/db", "newsbot/prod~", "newsbot/stage/db",
	"newsbot 2/prod/db", "newsbot-2/prod/db", "newsbot2/prod/db", "日本語/本番/鍵",
}

// stock puts the shelf, last first.
func (s *stage) stock() {
	var changes []myvault.Change
	for i := range shelf {
		changes = append(changes, put(shelf[len(shelf)-1-i], "value"))
	}
	s.fill(changes)
}

var listClauses = []Clause{
	clause("list/empty", "An empty store lists nothing, without an error.", func(s *stage) {
		s.lists(myvault.ListOptions{})
		s.lists(under("newsbot", "prod"))
	}),
	clause("list/order", "List is ordered byte by byte, by project and then by path.", func(s *stage) {
		s.stock()
		s.lists(myvault.ListOptions{}, shelf...)
	}),
	clause("list/project", "A prefix of a project selects that project alone.", func(s *stage) {
		s.stock()
		s.lists(under("newsbot", ""), shelf[3:18]...)
		s.lists(under("news", ""), "news/prod/db")
		s.lists(under("common", ""), "common/prod/db")
	}),
	clause("list/self-and-below", "A path without a slash at its end selects the secret itself and all below it.", func(s *stage) {
		s.stock()
		s.lists(under("newsbot", "prod"), "newsbot/prod", "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
	}),
	clause("list/below", "A path with a slash at its end selects only what is below.", func(s *stage) {
		s.stock()
		s.lists(under("newsbot", "prod/"), "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
		s.lists(under("newsbot", "prod/db/"), "newsbot/prod/db/key")
	}),
	clause("list/whole-segments", "A prefix never crosses the boundary of a segment.", func(s *stage) {
		s.do(put("newsbot/production/x", "1"), put("newsbot/prod-x", "1"), put("newsbot/prod x", "1"), put("newsbot/prod0/x", "1"))
		s.lists(under("newsbot", "prod"))
		s.lists(under("newsbot", "prod/"))
		s.lists(under("newsbot", "p"))
	}),
	clause("list/one", "A prefix that is a secret with nothing below selects it.", func(s *stage) {
		s.stock()
		s.lists(under("newsbot", "prod/db/key"), "newsbot/prod/db/key")
		s.lists(under("newsbot", "prod/db/key/"))
	}),
	clause("list/no-match", "A prefix that selects nothing lists nothing, without an error.", func(s *stage) {
		s.stock()
		s.lists(under("nobody", ""))
		s.lists(under("newsbot", "nothing"))
		s.lists(under("newsbot", "nothing/"))
	}),
	clause("list/case", "Prefixes are case-sensitive.", func(s *stage) {
		s.stock()
		s.lists(under("newsbot", "PROD"), "newsbot/PROD/db")
		s.lists(under("News", ""), "News/prod")
	}),
	clause("list/literal", "No character of a prefix is a wildcard or a quote.", func(s *stage) {
		s.do(put("newsbot/a_b/x", "1"), put("newsbot/axb/x", "1"), put("news_ot/x", "1"), put("newsbot/it's/x", "1"))
		s.lists(under("newsbot", "a_b"), "newsbot/a_b/x")
		s.lists(under("news_ot", ""), "news_ot/x")
		s.lists(under("newsbot", "it's"), "newsbot/it's/x")
	}),
	clause("list/japanese", "A prefix may be Japanese.", func(s *stage) {
		s.do(put("日本語/本番/鍵", "1"), put("日本語/本番環境/鍵", "1"), put("日本/本番/鍵", "1"))
		s.lists(under("日本語", "本番"), "日本語/本番/鍵")
		s.lists(under("日本", ""), "日本/本番/鍵")
	}),
	clause("list/current", "List tells of the current version what Put told of it.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		want := s.do(put("newsbot/prod/db", "two"))
		got := counted(s, "secrets listed", collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{})), 1)
		same(s, "version", got[0].Version, 2)
		same(s, "state", got[0].State, myvault.Live)
		sameTime(s, "time", got[0].At, want.At)
		same(s, "author", got[0].By, want.By)
	}),
	clause("list/live", "List has no deleted and no destroyed secrets.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/a"), destroy("newsbot/b"))
		s.lists(myvault.ListOptions{}, "newsbot/c")
	}),
	clause("list/deleted", "With Deleted, List has the deleted and destroyed secrets alone, with their state.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/c"), destroy("newsbot/a"))
		s.lists(myvault.ListOptions{Deleted: true}, "newsbot/a", "newsbot/c")
		got := counted(s, "secrets listed", collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{Deleted: true})), 2)
		same(s, "state", got[0].State, myvault.Destroyed)
		same(s, "state", got[1].State, myvault.Deleted)
	}),
	clause("list/deleted-prefix", "Deleted, Prefix and After work together.", func(s *stage) {
		s.do(put("newsbot/prod/a", "1"), put("newsbot/prod/b", "1"), put("newsbot/prod/c", "1"), put("newsbot/stage/a", "1"),
			remove("newsbot/prod/a"), remove("newsbot/prod/c"), remove("newsbot/stage/a"))
		r := under("newsbot", "prod")
		r.Deleted = true
		s.lists(r, "newsbot/prod/a", "newsbot/prod/c")
		r.After = at("newsbot/prod/a")
		s.lists(r, "newsbot/prod/c")
	}),
	clause("list/older-destroyed", "A secret with a destroyed older version is live.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), destroy("newsbot/a", 1))
		s.lists(myvault.ListOptions{}, "newsbot/a")
		s.lists(myvault.ListOptions{Deleted: true})
	}),
	clause("list/returned", "What Undelete or a Put brought back is listed as live.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/a"), remove("newsbot/b"), undelete("newsbot/a"), put("newsbot/b", "2"))
		s.lists(myvault.ListOptions{}, "newsbot/a", "newsbot/b")
		s.lists(myvault.ListOptions{Deleted: true})
	}),
	clause("list/once", "Each address is listed once, however many versions it has.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3"), put("newsbot/b", "1"))
		s.lists(myvault.ListOptions{}, "newsbot/a", "newsbot/b")
	}),
}
