package providertest

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// after gives the range of a prefix, from beyond an address.
func after(r myvault.ListOptions, addr string) myvault.ListOptions {
	r.After = at(addr)
	return r
}

var pagingClauses = []Clause{
	clause("after/exclusive", "After leaves out the address itself and all before it.", func(s *stage) {
		s.stock()
		s.lists(after(myvault.ListOptions{}, "newsbot/prod/db"), shelf[10:]...)
	}),
	clause("after/need-not-exist", "After need not exist.", func(s *stage) {
		s.stock()
		s.lists(after(myvault.ListOptions{}, "newsbot/prod/da"), shelf[9:]...)
		s.lists(after(myvault.ListOptions{}, "newsbot/zzz"), shelf[18:]...)
		s.lists(after(myvault.ListOptions{}, "a/a"), shelf[1:]...)
	}),
	clause("after/deleted", "After may be a secret that was deleted since.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/b"))
		s.lists(after(myvault.ListOptions{}, "newsbot/b"), "newsbot/c")
	}),
	clause("after/end", "After the last address there is nothing.", func(s *stage) {
		s.stock()
		s.lists(after(myvault.ListOptions{}, "日本語/本番/鍵"))
		s.lists(after(under("newsbot", "prod"), "newsbot/prod/db/key"))
	}),
	clause("after/prefix", "After and Prefix hold together.", func(s *stage) {
		s.stock()
		s.lists(after(under("newsbot", "prod"), "newsbot/prod/db"), "newsbot/prod/db-2", "newsbot/prod/db/key")
		s.lists(after(under("newsbot", "prod/"), "newsbot/prod/db-2"), "newsbot/prod/db/key")
		s.lists(after(under("newsbot", ""), "newsbot/prod~"), "newsbot/stage/db")
	}),
	clause("after/prefix-itself", "After the secret that a prefix names comes all that is below it.", func(s *stage) {
		s.stock()
		s.lists(after(under("newsbot", "prod"), "newsbot/prod"), "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
	}),
	clause("after/between", "After may sort between the secret that a prefix names and what is below it.", func(s *stage) {
		s.stock()
		s.lists(after(under("newsbot", "prod"), "newsbot/prod-x"), "newsbot/prod/db", "newsbot/prod/db-2", "newsbot/prod/db/key")
	}),
	clause("after/before-prefix", "After may lie before the prefix, in another project too.", func(s *stage) {
		s.stock()
		s.lists(after(under("newsbot", "prod/db"), "newsbot/aaa"), "newsbot/prod/db", "newsbot/prod/db/key")
		s.lists(after(under("newsbot", "prod/db"), "common/zzz"), "newsbot/prod/db", "newsbot/prod/db/key")
	}),
	clause("after/beyond-prefix", "After may lie beyond the prefix; then there is nothing.", func(s *stage) {
		s.stock()
		s.lists(after(under("newsbot", "prod"), "newsbot/stage/db"))
		s.lists(after(under("common", ""), "newsbot/prod"))
	}),
	clause("after/pages", "Pages that begin after the last address of the page before give every address once, in order.", func(s *stage) {
		s.stock()
		var got []string
		for r := (myvault.ListOptions{}); ; r.After = at(got[len(got)-1]) {
			page := s.listed(r)
			if len(page) == 0 {
				break
			}
			got = append(got, page[:min(4, len(page))]...)
			same(s, "more than there is", len(got) > len(shelf), false)
		}
		sameList(s, "pages", got, shelf)
	}),
	clause("list/many", "List yields every address of a large project once, in order.", func(s *stage) {
		const many = 700
		var changes []myvault.Change
		var want []string
		for i := range many {
			addr := fmt.Sprintf("newsbot/prod/secret-%04d", i)
			changes = append(changes, put(addr, "value"))
			want = append(want, addr)
		}
		s.fill(changes)
		s.lists(myvault.ListOptions{}, want...)
		s.lists(under("newsbot", "prod"), want...)
		s.lists(after(under("newsbot", ""), want[299]), want[300:]...)
	}),
	clause("list/sparse", "List yields the live secrets behind a long run of deleted ones, and the deleted behind live ones.", func(s *stage) {
		const many = 600
		var puts, removals []myvault.Change
		for i := range many {
			addr := fmt.Sprintf("newsbot/prod/secret-%04d", i)
			puts, removals = append(puts, put(addr, "value")), append(removals, remove(addr))
		}
		s.fill(puts)
		s.fill(removals)
		s.do(put("newsbot/prod/zero", "1"), put("newsbot/prod/zeta", "1"), remove("newsbot/prod/zeta"))
		s.lists(myvault.ListOptions{}, "newsbot/prod/zero")
		r := after(under("newsbot", "prod"), "newsbot/prod/secret-0597")
		r.Deleted = true
		s.lists(r, "newsbot/prod/secret-0598", "newsbot/prod/secret-0599", "newsbot/prod/zeta")
	}),
}
