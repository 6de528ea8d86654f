package providertest

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault"
)

func watchClause(name, promise string, run func(*scenario), needs ...Capability) Clause {
	return clause("watch/"+name, promise, run, append([]Capability{Watcher}, needs...)...)
}

var watchClauses = []Clause{
	watchClause("present", "A feed without a position has the commits that are made after it was opened.", func(s *scenario) {
		s.do(put("newsbot/a", "before"))
		s.follow("", func(r *reader) {
			s.do(put("newsbot/a", "after"))
			wantList(s, "events", eventLines(r.finish()), []string{"newsbot/a version 2 live"})
		})
	}),
	watchClause("idle", "A feed without new commits is not ready, and has no events.", func(s *scenario) {
		s.do(put("newsbot/a", "before"))
		s.follow("", func(r *reader) {
			wantEqual(s, "the feed is ready", isClosed(r.feed.Ready()), false)
			events, err := r.feed.Next(s.ctx)
			s.noError("next", err)
			wantEqual(s, "events", len(events), 0)
		})
	}),
	watchClause("fields", "An event has the time and the author of its commit, and the address, version and state of each change.", func(s *scenario) {
		s.follow("", func(r *reader) {
			c := s.commit(put("newsbot/a", "1"))
			c.By = "myscheduler"
			_, err := s.p.Apply(s.ctx, c)
			s.noError("put", err)
			e := wantLen(s, "events", r.wait(), 1)[0]
			wantTime(s, "time", e.At, c.At)
			wantEqual(s, "author", e.By, "myscheduler")
			wantList(s, "events", eventLines([]myvault.Event{e}), []string{"newsbot/a version 1 live"})
		})
	}),
	watchClause("states", "An event has the state that the change led to: of a destroy of several versions, that of the newest.", func(s *scenario) {
		s.follow("", func(r *reader) {
			s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3"), remove("newsbot/a"), undelete("newsbot/a"),
				destroy("newsbot/a", 1, 2), destroy("newsbot/a"))
			wantList(s, "events", eventLines(r.finish()), []string{
				"newsbot/a version 1 live", "newsbot/a version 2 live", "newsbot/a version 3 live", "newsbot/a version 3 deleted",
				"newsbot/a version 3 live", "newsbot/a version 2 destroyed", "newsbot/a version 3 destroyed",
			})
		})
	}, EachCommit),
	watchClause("projects", "A change of a project is an event without path, version and state.", func(s *scenario) {
		s.follow("", func(r *reader) {
			s.do(project("common", ""), makeDefault("common"), removeProject("common"))
			for _, e := range wantLen(s, "events", r.finish(), 3) {
				wantEqual(s, "change", wantLen(s, "changes", e.Changes, 1)[0], myvault.VersionChange{Address: myvault.Address{Project: "common"}})
			}
		})
	}, EachCommit),
	watchClause("refused", "A refused commit is no event.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.follow("", func(r *reader) {
			s.wantRefused(myvault.ErrExists, put("newsbot/a", "2", myvault.IfAbsent()))
			s.wantRefused(myvault.ErrNotFound, remove("newsbot/b"))
			wantList(s, "events", eventLines(r.finish()), nil)
		})
	}),
	watchClause("refused-commit", "A commit of several changes that is refused is no event.", func(s *scenario) {
		s.follow("", func(r *reader) {
			s.wantRefused(myvault.ErrNotFound, put("newsbot/a", "1"), remove("newsbot/b"))
			wantList(s, "events", eventLines(r.finish()), nil)
		})
	}, ManyChanges),
	watchClause("ordered", "Events come in the order of the commits.", func(s *scenario) {
		s.follow("", func(r *reader) {
			var want []string
			for n := range pairs {
				s.do(put(fmt.Sprintf("newsbot/%d", n%3), "x"))
				want = append(want, fmt.Sprintf("newsbot/%d version %d live", n%3, n/3+1))
			}
			wantList(s, "events", eventLines(r.finish()), want)
		})
	}, EachCommit),
	watchClause("unique", "No commit is delivered twice, however often Next is called.", func(s *scenario) {
		s.follow("", func(r *reader) {
			seen := map[string]bool{}
			for n := range pairs {
				s.do(put(fmt.Sprintf("newsbot/%d", n%3), "x"))
				for _, line := range eventLines(r.wait()) {
					wantEqual(s, "delivered before: "+line, seen[line], false)
					seen[line] = true
				}
			}
			wantList(s, "events after all were delivered", eventLines(r.finish()), nil)
		})
	}, EachCommit),
	watchClause("atomic", "All changes of a commit are in one event, in their order.", func(s *scenario) {
		s.follow("", func(r *reader) {
			s.doAll(put("newsbot/b", "1"), put("newsbot/a", "1"), remove("newsbot/b"), project("common", ""), put("newsbot/a", "2"))
			wantList(s, "events", eventLines(r.finish()), []string{
				"newsbot/b version 1 live; newsbot/a version 1 live; newsbot/b version 1 deleted; common; newsbot/a version 2 live",
			})
		})
	}, EachCommit, ManyChanges),
	watchClause("reliable", "A feed has every commit of concurrent callers once, whole, and those of each caller in order.", func(s *scenario) {
		s.follow("", func(r *reader) {
			noErrors(s, concurrently(callers, func(caller int) error {
				for range pairs / 10 {
					if err := s.putPair(caller); err != nil {
						return err
					}
				}
				return nil
			}))
			s.wantPairs(r.finish(), callers, pairs/10)
		})
	}, EachCommit, ManyChanges),
	watchClause("while-writing", "Feeds that read while commits are made have each once, whole and in order.", func(s *scenario) {
		const feeds = 5
		var readers []*reader
		for range feeds {
			feed, err := s.p.(myvault.Watcher).Watch(s.ctx, myvault.Prefix{}, "")
			s.noError("watch", err)
			defer feed.Close()
			readers = append(readers, &reader{s, feed})
		}
		read := make([][]myvault.Event, feeds)
		noErrors(s, concurrently(feeds+1, func(i int) (err error) {
			if i < feeds {
				read[i], err = readers[i].pollUntil(lastChange)
				return err
			}
			for n := range pairs {
				if err := s.putPair(n % 2); err != nil {
					return err
				}
			}
			_, err = s.apply(put(lastChange, "x"))
			return err
		}))
		for _, events := range read {
			s.wantPairs(events[:len(events)-1], 2, pairs/2)
		}
	}, EachCommit, ManyChanges),
	watchClause("committed", "An event is delivered only once Get and List see its changes.", func(s *scenario) {
		s.follow("", func(r *reader) {
			noErrors(s, concurrently(2, func(i int) error {
				if i == 0 {
					for range pairs {
						if _, err := s.apply(put("newsbot/a", "x")); err != nil {
							return err
						}
					}
					_, err := s.apply(put(lastChange, "x"))
					return err
				}
				return r.checkVisible()
			}))
		})
	}),
	watchClause("resumable", "A feed after the position of an event has exactly the commits after that event.", func(s *scenario) {
		var positions []myvault.Position
		var lines []string
		s.follow("", func(r *reader) {
			for n := range pairs {
				s.do(put(fmt.Sprintf("newsbot/%d", n%3), "x"))
			}
			events := r.finish()
			lines = eventLines(events)
			for _, e := range wantLen(s, "events", events, pairs) {
				positions = append(positions, e.Position)
			}
		})
		for i, position := range positions {
			s.follow(position, func(r *reader) {
				got := r.until(lastChange)
				wantList(s, fmt.Sprintf("events after event %d", i+1), eventLines(got[:len(got)-1]), lines[i+1:])
			})
		}
	}, EachCommit),
	watchClause("bookmarkable", "The position of a feed is after its last event, and a feed from there continues without a gap.", func(s *scenario) {
		var position myvault.Position
		s.follow("", func(r *reader) {
			position = r.feed.Position()
			s.do(put("newsbot/a", "1"))
			wantEqual(s, "position before Next", r.feed.Position(), position)
			e := wantLen(s, "events", r.wait(), 1)[0]
			wantEqual(s, "position after Next", r.feed.Position(), e.Position)
		})
		s.do(put("newsbot/b", "1"))
		s.follow(position, func(r *reader) {
			wantList(s, "events", eventLines(r.finish()), []string{"newsbot/a version 1 live", "newsbot/b version 1 live"})
		})
	}),
	watchClause("reopened", "A position is valid after the store was closed and opened again.", func(s *scenario) {
		var position myvault.Position
		s.follow("", func(r *reader) { position = r.feed.Position() })
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		s.reopen()
		s.follow(position, func(r *reader) {
			wantList(s, "events", eventLines(r.finish()), []string{"newsbot/a version 1 live", "newsbot/b version 1 live"})
		})
	}, Persistent, EachCommit),
	watchClause("kept", "A feed can resume after 10,000 changes, and not after more.", func(s *scenario) {
		var position myvault.Position
		s.follow("", func(r *reader) { position = r.feed.Position() })
		s.makeChanges(myvault.WatchHistory)
		s.follow(position, func(r *reader) {
			n := 0
			for n < myvault.WatchHistory {
				for _, e := range r.wait() {
					n += len(e.Changes)
				}
			}
			wantEqual(s, "changes", n, myvault.WatchHistory)
		})
		s.do(put("newsbot/a", "1"))
		s.wantNoFeed(s.ctx, position, myvault.ErrStalePosition)
	}, EachCommit, ManyChanges),
	watchClause("slow", "A feed that falls more than 10,000 changes behind ends with ErrStalePosition, and no change waits for it.", func(s *scenario) {
		s.follow("", func(r *reader) {
			s.makeChanges(myvault.WatchHistory + 1000)
			_, err := r.poll()
			s.wantError("next", err, myvault.ErrStalePosition)
		})
	}, EachCommit, ManyChanges),
	watchClause("stale", "A position of another store, or one that the store has not reached, is ErrStalePosition.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.wantNoFeed(s.ctx, myvault.PositionAfter("0123456789abcdef", 1), myvault.ErrStalePosition)
		s.wantNoFeed(s.ctx, "malformed", myvault.ErrStalePosition)
		if named, ok := s.p.(myvault.Incarnation); ok {
			s.wantNoFeed(s.ctx, myvault.PositionAfter(named.Incarnation(), 1<<40), myvault.ErrStalePosition)
		}
	}),
	watchClause("canceled", "Watch and Next with a canceled context return its error.", func(s *scenario) {
		s.wantNoFeed(s.canceled(), "", context.Canceled)
		s.follow("", func(r *reader) {
			_, err := r.feed.Next(s.canceled())
			s.wantError("next", err, context.Canceled)
		})
	}),
	watchClause("feed-closed", "A feed may be closed twice, and other feeds go on.", func(s *scenario) {
		s.follow("", func(r *reader) {
			s.follow("", func(other *reader) {
				other.feed.Close()
				other.feed.Close()
			})
			s.do(put("newsbot/a", "1"))
			wantList(s, "events", eventLines(r.finish()), []string{"newsbot/a version 1 live"})
		})
	}),
	watchClause("closed", "Close wakes a feed, whose Next then returns ErrClosed, as does Watch.", func(s *scenario) {
		s.follow("", func(r *reader) {
			ready := r.feed.Ready()
			s.putAndClose()
			s.withTimeout("waiting for the end of a feed", func() error { <-ready; return nil })
			for n := 0; ; n++ {
				_, err := r.feed.Next(s.ctx)
				if err != nil {
					s.wantError("next", err, myvault.ErrClosed)
					break
				}
				wantEqual(s, "calls of Next without ErrClosed", n < 2, true)
			}
		})
		s.wantNoFeed(s.ctx, "", myvault.ErrClosed)
	}),
}
