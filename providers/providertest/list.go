package providertest

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// sortedAddresses are addresses in byte order. Some sort between a secret and the secrets below it.
var sortedAddresses = []string{
	"News/prod", "common/prod/db",
	"news/prod/db", "newsbot/PROD/db",
	"newsbot/prod", "newsbot/prod x", "newsbot/prod!", "newsbot/prod-x", "newsbot/prod.x",
	"newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key", "newsbot/prod0", "newsbot/prod:x",
	"newsbot/prod_x", "newsbot/production/db", "newsbot/prod~", "newsbot/scenario/db",
	"newsbot 2/prod/db", "newsbot-2/prod/db", "newsbot2/prod/db", "日本語/本番/鍵",
}

// putSorted puts secrets at sortedAddresses, in reverse order.
func (s *scenario) putSorted() {
	var changes []myvault.Change
	for i := range sortedAddresses {
		changes = append(changes, put(sortedAddresses[len(sortedAddresses)-1-i], "value"))
	}
	s.fill(changes)
}

var listClauses = []Clause{
	clause("list/empty", "List of an empty store yields nothing and no error.", func(s *scenario) {
		s.wantListed(myvault.ListOptions{})
		s.wantListed(under("newsbot", "prod"))
	}),
	clause("list/order", "List is ordered byte by byte, by project and then by path.", func(s *scenario) {
		s.putSorted()
		s.wantListed(myvault.ListOptions{}, sortedAddresses...)
	}),
	clause("list/project", "A prefix of a project selects only that project.", func(s *scenario) {
		s.putSorted()
		s.wantListed(under("newsbot", ""), sortedAddresses[3:18]...)
		s.wantListed(under("news", ""), "news/prod/db")
		s.wantListed(under("common", ""), "common/prod/db")
	}),
	clause("list/self-and-below", "A path without a trailing slash selects the secret itself and all below it.", func(s *scenario) {
		s.putSorted()
		s.wantListed(under("newsbot", "prod"), "newsbot/prod", "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
	}),
	clause("list/below", "A path with a trailing slash selects only secrets below it.", func(s *scenario) {
		s.putSorted()
		s.wantListed(under("newsbot", "prod/"), "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
		s.wantListed(under("newsbot", "prod/db/"), "newsbot/prod/db/key")
	}),
	clause("list/whole-segments", "A prefix never crosses the boundary of a segment.", func(s *scenario) {
		s.do(put("newsbot/production/x", "1"), put("newsbot/prod-x", "1"), put("newsbot/prod x", "1"), put("newsbot/prod0/x", "1"))
		s.wantListed(under("newsbot", "prod"))
		s.wantListed(under("newsbot", "prod/"))
		s.wantListed(under("newsbot", "p"))
	}),
	clause("list/one", "A prefix that is a secret with nothing below selects it.", func(s *scenario) {
		s.putSorted()
		s.wantListed(under("newsbot", "prod/db/key"), "newsbot/prod/db/key")
		s.wantListed(under("newsbot", "prod/db/key/"))
	}),
	clause("list/no-match", "A prefix that matches nothing yields nothing and no error.", func(s *scenario) {
		s.putSorted()
		s.wantListed(under("nobody", ""))
		s.wantListed(under("newsbot", "nothing"))
		s.wantListed(under("newsbot", "nothing/"))
	}),
	clause("list/case", "Prefixes are case-sensitive.", func(s *scenario) {
		s.putSorted()
		s.wantListed(under("newsbot", "PROD"), "newsbot/PROD/db")
		s.wantListed(under("News", ""), "News/prod")
	}),
	clause("list/literal", "No character of a prefix is a wildcard or a quote.", func(s *scenario) {
		s.do(put("newsbot/a_b/x", "1"), put("newsbot/axb/x", "1"), put("news_ot/x", "1"), put("newsbot/it's/x", "1"))
		s.wantListed(under("newsbot", "a_b"), "newsbot/a_b/x")
		s.wantListed(under("news_ot", ""), "news_ot/x")
		s.wantListed(under("newsbot", "it's"), "newsbot/it's/x")
	}),
	clause("list/japanese", "A prefix may be Japanese.", func(s *scenario) {
		s.do(put("日本語/本番/鍵", "1"), put("日本語/本番環境/鍵", "1"), put("日本/本番/鍵", "1"))
		s.wantListed(under("日本語", "本番"), "日本語/本番/鍵")
		s.wantListed(under("日本", ""), "日本/本番/鍵")
	}),
	clause("list/current", "List yields the information that Put returned for the current version.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		want := s.do(put("newsbot/prod/db", "two"))
		got := wantLen(s, "secrets listed", collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{})), 1)
		wantEqual(s, "version", got[0].Version, 2)
		wantEqual(s, "state", got[0].State, myvault.Live)
		wantTime(s, "time", got[0].At, want.At)
		wantEqual(s, "author", got[0].By, want.By)
	}),
	clause("list/live", "List omits deleted and destroyed secrets.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/a"), destroy("newsbot/b"))
		s.wantListed(myvault.ListOptions{}, "newsbot/c")
	}),
	clause("list/deleted", "With Deleted, List yields only deleted and destroyed secrets, with their state.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/c"), destroy("newsbot/a"))
		s.wantListed(myvault.ListOptions{Deleted: true}, "newsbot/a", "newsbot/c")
		got := wantLen(s, "secrets listed", collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{Deleted: true})), 2)
		wantEqual(s, "state", got[0].State, myvault.Destroyed)
		wantEqual(s, "state", got[1].State, myvault.Deleted)
	}),
	clause("list/deleted-prefix", "Deleted, Prefix and After can be combined.", func(s *scenario) {
		s.do(put("newsbot/prod/a", "1"), put("newsbot/prod/b", "1"), put("newsbot/prod/c", "1"), put("newsbot/scenario/a", "1"),
			remove("newsbot/prod/a"), remove("newsbot/prod/c"), remove("newsbot/scenario/a"))
		r := under("newsbot", "prod")
		r.Deleted = true
		s.wantListed(r, "newsbot/prod/a", "newsbot/prod/c")
		r.After = address("newsbot/prod/a")
		s.wantListed(r, "newsbot/prod/c")
	}),
	clause("list/older-destroyed", "A secret with a destroyed older version is live.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), destroy("newsbot/a", 1))
		s.wantListed(myvault.ListOptions{}, "newsbot/a")
		s.wantListed(myvault.ListOptions{Deleted: true})
	}),
	clause("list/restored", "A secret restored by Undelete or a later Put is listed as live.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/a"), remove("newsbot/b"), undelete("newsbot/a"), put("newsbot/b", "2"))
		s.wantListed(myvault.ListOptions{}, "newsbot/a", "newsbot/b")
		s.wantListed(myvault.ListOptions{Deleted: true})
	}),
	clause("list/once", "Each address is listed once, however many versions it has.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3"), put("newsbot/b", "1"))
		s.wantListed(myvault.ListOptions{}, "newsbot/a", "newsbot/b")
	}),
}

// startAfter returns the options r, starting after an address.
func startAfter(r myvault.ListOptions, addr string) myvault.ListOptions {
	r.After = address(addr)
	return r
}

var pagingClauses = []Clause{
	clause("after/exclusive", "After excludes the address itself and all before it.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(myvault.ListOptions{}, "newsbot/prod/db"), sortedAddresses[10:]...)
	}),
	clause("after/need-not-exist", "After need not be an existing address.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(myvault.ListOptions{}, "newsbot/prod/da"), sortedAddresses[9:]...)
		s.wantListed(startAfter(myvault.ListOptions{}, "newsbot/zzz"), sortedAddresses[18:]...)
		s.wantListed(startAfter(myvault.ListOptions{}, "a/a"), sortedAddresses[1:]...)
	}),
	clause("after/deleted", "After may be a secret deleted since.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/b"))
		s.wantListed(startAfter(myvault.ListOptions{}, "newsbot/b"), "newsbot/c")
	}),
	clause("after/end", "List after the last address yields nothing.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(myvault.ListOptions{}, "日本語/本番/鍵"))
		s.wantListed(startAfter(under("newsbot", "prod"), "newsbot/prod/db/key"))
	}),
	clause("after/prefix", "After and Prefix can be combined.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(under("newsbot", "prod"), "newsbot/prod/db"), "newsbot/prod/db-2", "newsbot/prod/db/key")
		s.wantListed(startAfter(under("newsbot", "prod/"), "newsbot/prod/db-2"), "newsbot/prod/db/key")
		s.wantListed(startAfter(under("newsbot", ""), "newsbot/prod~"), "newsbot/scenario/db")
	}),
	clause("after/prefix-itself", "After the secret that the prefix names, List yields all secrets below it.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(under("newsbot", "prod"), "newsbot/prod"), "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
	}),
	clause("after/between", "After may sort between the secret that the prefix names and the secrets below it.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(under("newsbot", "prod"), "newsbot/prod-x"), "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
	}),
	clause("after/before-prefix", "After may sort before the prefix, also in another project.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(under("newsbot", "prod/db"), "newsbot/aaa"), "newsbot/prod/db", "newsbot/prod/db/key")
		s.wantListed(startAfter(under("newsbot", "prod/db"), "common/zzz"), "newsbot/prod/db", "newsbot/prod/db/key")
	}),
	clause("after/beyond-prefix", "If After sorts after the prefix, List yields nothing.", func(s *scenario) {
		s.putSorted()
		s.wantListed(startAfter(under("newsbot", "prod"), "newsbot/scenario/db"))
		s.wantListed(startAfter(under("common", ""), "newsbot/prod"))
	}),
	clause("after/pages", "Pages that each begin after the last address of the previous one yield every address once, in order.", func(s *scenario) {
		s.putSorted()
		var got []string
		for r := (myvault.ListOptions{}); ; r.After = address(got[len(got)-1]) {
			page := s.listed(r)
			if len(page) == 0 {
				break
			}
			got = append(got, page[:min(4, len(page))]...)
			wantEqual(s, "more addresses than exist", len(got) > len(sortedAddresses), false)
		}
		wantList(s, "pages", got, sortedAddresses)
	}),
	clause("list/many", "List yields every address of a large project once, in order.", func(s *scenario) {
		const many = 700
		var changes []myvault.Change
		var want []string
		for i := range many {
			addr := fmt.Sprintf("newsbot/prod/secret-%04d", i)
			changes = append(changes, put(addr, "value"))
			want = append(want, addr)
		}
		s.fill(changes)
		s.wantListed(myvault.ListOptions{}, want...)
		s.wantListed(under("newsbot", "prod"), want...)
		s.wantListed(startAfter(under("newsbot", ""), want[299]), want[300:]...)
	}),
	clause("list/sparse", "List yields live secrets after a long run of deleted ones, and deleted ones after live ones.", func(s *scenario) {
		const many = 600
		var puts, removals []myvault.Change
		for i := range many {
			addr := fmt.Sprintf("newsbot/prod/secret-%04d", i)
			puts, removals = append(puts, put(addr, "value")), append(removals, remove(addr))
		}
		s.fill(puts)
		s.fill(removals)
		s.do(put("newsbot/prod/zero", "1"), put("newsbot/prod/zeta", "1"), remove("newsbot/prod/zeta"))
		s.wantListed(myvault.ListOptions{}, "newsbot/prod/zero")
		r := startAfter(under("newsbot", "prod"), "newsbot/prod/secret-0597")
		r.Deleted = true
		s.wantListed(r, "newsbot/prod/secret-0598", "newsbot/prod/secret-0599", "newsbot/prod/zeta")
	}),
}
