package transfer

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/pattern"
)

// survey reads both sides before anything is written. It returns the digest of the source.
func (c *copier) survey(ctx context.Context) (string, error) {
	c.progress.begin(Surveying)
	defer c.progress.end()
	source := newSideDigest(c.DigestKey)
	err := c.examineAll(ctx, func(x examined) {
		if x.first {
			source.address(x.own)
			c.note(x)
		}
		if x.conflict != "" && x.problems == nil {
			c.report.Conflicts = append(c.report.Conflicts, Problem{x.addr, 0, x.conflict})
		}
		if n := len(x.have); n > 0 && x.have[n-1].State == myvault.Live {
			c.inUse[x.addr.Project] = true
		}
		c.pending = c.pending || x.pending
	})
	if err != nil {
		return "", err
	}
	projects, err := c.surveyProjects(ctx)
	if err != nil {
		return "", err
	}
	c.progress.expect(c.report.Addresses, c.report.Versions)
	return source.end(projects), nil
}

// examineAll examines every address of both sides, in order.
func (c *copier) examineAll(ctx context.Context, visit func(examined)) error {
	return ordered(ctx, c.Parallel, merged(c.src.addresses(ctx), c.dst.addresses(ctx)), c.examine, func(x examined) error {
		visit(x)
		c.progress.address()
		return nil
	})
}

// note adds a secret of the source to the report.
func (c *copier) note(x examined) {
	c.report.Addresses++
	c.report.Versions += len(x.want)
	c.inProjects[x.addr.Project] = true
	c.report.Unfit = append(c.report.Unfit, x.problems...)
	for _, v := range x.lost {
		c.report.Unreadable = append(c.report.Unreadable, Problem{x.addr, v, "the source cannot read its value"})
	}
	if x.lost != nil && c.DestroyUnreadable {
		c.lost[x.addr] = x.lost
	}
	if c.DryRun && x.pending {
		c.report.Written += len(x.want) - len(x.have)
	}
}

// surveyProjects compares the projects of both sides and returns those of the source.
func (c *copier) surveyProjects(ctx context.Context) ([]myvault.Project, error) {
	source, err := c.src.projects(ctx)
	if err != nil {
		return nil, err
	}
	target, err := c.dst.projects(ctx)
	if err != nil {
		return nil, err
	}
	c.report.Projects = len(source)
	for _, p := range source {
		c.registered[p.Name] = true
		c.inProjects[p.Name] = true
		if reason := unfitProject(p); reason != "" {
			c.report.Unfit = append(c.report.Unfit, Problem{myvault.Address{Project: p.Name}, 0, reason})
		}
	}
	maxProjects, _ := c.limits()
	if n := c.toRegister(); maxProjects > 0 && n > maxProjects {
		c.report.Unfit = append(c.report.Unfit, Problem{Reason: fmt.Sprintf("there are %d projects, and the target registers %d", n, maxProjects)})
	}
	c.compareProjects(source, target)
	return source, nil
}

// toRegister returns how many projects the target registers during the copy.
func (c *copier) toRegister() (n int) {
	for name := range c.inProjects {
		if !pattern.IsReserved(name) {
			n++
		}
	}
	return n
}

// compareProjects finds the projects that the copy changes in the target and reports conflicts.
func (c *copier) compareProjects(source, target []myvault.Project) {
	conflict := func(name, reason string) {
		c.report.Conflicts = append(c.report.Conflicts, Problem{myvault.Address{Project: name}, 0, reason})
	}
	theirs := byName(target)
	sourceDefault, targetDefault := "", ""
	for _, p := range source {
		have, found := theirs[p.Name]
		if found && !sameProject(p, have) && c.inUse[p.Name] {
			conflict(p.Name, "the target registered the project at another time or by another service, and it has live secrets")
		}
		if p.Default {
			sourceDefault = p.Name
		}
		c.pending = c.pending || !found || !equalProject(p, have)
		delete(theirs, p.Name)
	}
	for _, p := range target {
		_, surplus := theirs[p.Name]
		switch {
		case surplus && !c.inProjects[p.Name]:
			conflict(p.Name, "the source does not have this project; delete it in the target")
		case surplus:
			c.pending = true
		case p.Default:
			targetDefault = p.Name
		}
	}
	if sourceDefault == "" && targetDefault != "" {
		conflict(targetDefault, "it is the default project in the target, and the source has none; delete it in the target")
	}
}

// verify reads both sides again and compares them.
func (c *copier) verify(ctx context.Context, before string) error {
	c.progress.begin(Verifying)
	defer c.progress.end()
	c.report.Unreadable = nil // verify finds them anew
	source, target, own := newSideDigest(c.DigestKey), newSideDigest(c.DigestKey), newSideDigest(c.DigestKey)
	err := c.examineAll(ctx, func(x examined) {
		if x.first {
			source.address(x.source)
			own.address(x.own)
		}
		if x.second {
			target.address(x.target)
		}
		c.report.Uncompared += x.uncompared
		for _, v := range x.lost {
			c.report.Unreadable = append(c.report.Unreadable, Problem{x.addr, v, "the source cannot read its value"})
		}
		if !x.equal {
			c.report.Different = append(c.report.Different, Problem{x.addr, 0, x.difference()})
		}
	})
	if err != nil {
		return err
	}
	ours, err := c.src.projects(ctx)
	if err != nil {
		return err
	}
	theirs, err := c.dst.projects(ctx)
	if err != nil {
		return err
	}
	c.report.Source, c.report.Target = source.end(ours), target.end(theirs)
	c.report.SourceChanged = own.end(ours) != before
	return c.report.inequality()
}

// difference returns why the target is not equal.
func (x *examined) difference() string {
	switch {
	case x.conflict != "":
		return x.conflict
	case x.problems != nil:
		return x.problems[0].Reason
	}
	return "the target lags behind the source"
}
