package providertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
)

func firstOf(conditions []myvault.Condition) (c myvault.Condition) {
	if len(conditions) > 0 {
		c = conditions[0]
	}
	return c
}

func put(addr, value string, conditions ...myvault.Condition) myvault.Change {
	return myvault.Change{Op: myvault.OpPut, Address: address(addr), Value: myvault.Text(value), If: firstOf(conditions)}
}

func remove(addr string, conditions ...myvault.Condition) myvault.Change {
	return myvault.Change{Op: myvault.OpDelete, Address: address(addr), If: firstOf(conditions)}
}

func undelete(addr string) myvault.Change {
	return myvault.Change{Op: myvault.OpUndelete, Address: address(addr)}
}

func destroy(addr string, versions ...myvault.Version) myvault.Change {
	return myvault.Change{Op: myvault.OpDestroy, Address: address(addr), Versions: versions}
}

func project(name, description string, conditions ...myvault.Condition) myvault.Change {
	return myvault.Change{
		Op: myvault.OpPutProject, If: firstOf(conditions),
		Project: myvault.Project{Name: name, Description: description},
	}
}

func makeDefault(name string) myvault.Change {
	return myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: name}}
}

func removeProject(name string) myvault.Change {
	return myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: name}}
}

// entryAddress returns the address in the entry of a change.
func entryAddress(c myvault.Change) myvault.Address {
	if c.Address == (myvault.Address{}) {
		return myvault.Address{Project: c.Project.Name}
	}
	return c.Address
}

// entry returns an entry as a vault writes it.
func entry(when time.Time, action string, addr myvault.Address) myvault.Entry {
	return myvault.Entry{
		At: when, Service: author, Via: "embedded", Request: "r-1", Action: action, Address: addr,
		Outcome: myvault.OutcomeOK, Count: 1, First: when, Last: when,
	}
}

// commit returns a commit of the changes at the next time, with entries if the provider is a
// Trail.
func (s *scenario) commit(changes ...myvault.Change) myvault.Commit {
	n := s.commits.Add(1) - 1
	c := myvault.Commit{Changes: changes, By: author, At: startTime.Add(time.Duration(n) * 1001 * time.Microsecond)}
	if _, ok := s.p.(myvault.Trail); ok {
		for _, change := range changes {
			c.Entries = append(c.Entries, entry(c.At, change.Op.String(), entryAddress(change)))
		}
	}
	return c
}

// apply applies the changes in one commit. It may be called by any goroutine.
func (s *scenario) apply(changes ...myvault.Change) ([]myvault.Info, error) {
	return s.p.Apply(s.ctx, s.commit(changes...))
}

// do applies each change in its own commit and returns the result of the last.
func (s *scenario) do(changes ...myvault.Change) (last myvault.Info) {
	for _, change := range changes {
		last = s.doAll(change)[0]
	}
	return last
}

// doAll applies the changes in one commit.
func (s *scenario) doAll(changes ...myvault.Change) []myvault.Info {
	infos, err := s.apply(changes...)
	s.noError(describe(changes), err)
	if len(infos) != len(changes) {
		s.failf("%s: got %d infos for %d changes", describe(changes), len(infos), len(changes))
	}
	return infos
}

// fill applies many changes, in one commit if the provider supports that.
func (s *scenario) fill(changes []myvault.Change) {
	if _, err := s.apply(changes...); errors.Is(err, errors.ErrUnsupported) {
		s.do(changes...)
	} else {
		s.noError(fmt.Sprintf("a commit of %d changes", len(changes)), err)
	}
}

// wantRefused applies the changes in one commit, which must return the error want.
func (s *scenario) wantRefused(want error, changes ...myvault.Change) {
	_, err := s.apply(changes...)
	s.wantError(describe(changes), err, want)
}

func describe(changes []myvault.Change) string {
	if len(changes) != 1 {
		return fmt.Sprintf("a commit of %d changes", len(changes))
	}
	return fmt.Sprintf("%v %v", changes[0].Op, entryAddress(changes[0]))
}

// get returns a version, which must exist.
func (s *scenario) get(addr string, version myvault.Version) myvault.Secret {
	secret, err := s.p.Get(s.ctx, address(addr), version)
	s.noError(fmt.Sprintf("get version %d of %s", version, addr), err)
	return secret
}

// wantValue checks the value of a version.
func (s *scenario) wantValue(addr string, version myvault.Version, want string) {
	if got := s.get(addr, version).Value.Reveal(); got != want {
		s.failf("get version %d of %s: got %s, want %s", version, addr, quoted(got), quoted(want))
	}
}

func quoted(value string) string {
	if len(value) <= 40 {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%d bytes that begin with %q", len(value), value[:10])
}

// wantGetError checks that Get of a version returns the error want.
func (s *scenario) wantGetError(want error, addr string, version myvault.Version) {
	_, err := s.p.Get(s.ctx, address(addr), version)
	s.wantError(fmt.Sprintf("get version %d of %s", version, addr), err, want)
}

// wantVersions checks the versions of an address, newest first, such as "2 live", "1 destroyed".
func (s *scenario) wantVersions(addr string, want ...string) {
	var got []string
	for _, info := range s.versions(addr) {
		got = append(got, fmt.Sprintf("%d %v", info.Version, info.State))
	}
	wantList(s, "versions of "+addr, got, want)
}

func (s *scenario) versions(addr string) []myvault.Info {
	return collect(s, "versions of "+addr, s.p.Versions(s.ctx, address(addr), 0))
}

// wantListed checks the addresses that List yields.
func (s *scenario) wantListed(r myvault.ListOptions, want ...string) {
	wantList(s, "list", s.listed(r), want)
}

func (s *scenario) listed(r myvault.ListOptions) []string {
	var got []string
	for _, info := range collect(s, "list", s.p.List(s.ctx, r)) {
		got = append(got, info.Address.String())
	}
	return got
}

// under returns the options that select a prefix.
func under(project, path string) myvault.ListOptions {
	return myvault.ListOptions{Prefix: myvault.Prefix{Project: project, Path: path}}
}

func (s *scenario) projects() []myvault.Project {
	return collect(s, "projects", s.p.Projects(s.ctx, ""))
}

// wantProjects checks the registered projects. The default one has a star before its name.
func (s *scenario) wantProjects(want ...string) {
	var got []string
	for _, project := range s.projects() {
		name := project.Name
		if project.Default {
			name = "*" + name
		}
		got = append(got, name)
	}
	wantList(s, "projects", got, want)
}

// project returns a registered project.
func (s *scenario) project(name string) myvault.Project {
	for _, project := range s.projects() {
		if project.Name == name {
			return project
		}
	}
	s.failf("project %s is not registered", name)
	return myvault.Project{}
}

// record appends entries to the access chain.
func (s *scenario) record(entries ...myvault.Entry) {
	s.noError("record", s.p.(myvault.Trail).Record(s.ctx, entries...))
}

// entries returns the entries that r selects.
func (s *scenario) entries(r myvault.TrailFilter) []myvault.Entry {
	return collect(s, "entries", s.p.(myvault.Trail).Entries(s.ctx, r))
}

// wantEntries checks the entries that r selects, newest first, such as "changes 2 write newsbot/a".
func (s *scenario) wantEntries(r myvault.TrailFilter, want ...string) {
	var got []string
	for _, e := range s.entries(r) {
		got = append(got, fmt.Sprintf("%s %d %s %v", e.Chain, e.Seq, e.Action, e.Address))
	}
	wantList(s, "entries", got, want)
}
